"""The one kind of error that a user can mend."""


class UserError(ValueError):
    """Bad input: the message names it, what was found, expected, and what to do.

    Launchers print the message without a traceback and exit with status 1;
    every other exception is a defect of ours and keeps its traceback.
    """
