"""The errors that a user can mend: one tree, with fields in place of texts to parse."""

import os


class UserError(ValueError):
    """Bad input: the message names it, what was found, expected, and what to do.

    Launchers print the message without a traceback and exit with status 1;
    every other exception is a defect of ours and keeps its traceback.
    """


class DataError(UserError):
    """A fault of data on disk, in fields.

    Args:
        problem: One line; begins with the data set's name where it is known.
        path: File or folder at fault; shown as an absolute path.
        found: What is there.
        expected: What should be there.
        action: What the user can do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str | os.PathLike | None = None,
        found: str | None = None,
        expected: str | None = None,
        action: str | None = None,
    ):
        self.problem = problem
        self.path = None if path is None else os.path.abspath(path)
        self.found = found
        self.expected = expected
        self.action = action
        rows = (
            ("path:     ", self.path),
            ("found:    ", found),
            ("expected: ", expected),
            ("to do:    ", action),
        )
        lines = [f"  {label}{value}" for label, value in rows if value is not None]
        super().__init__("\n".join([problem, *lines]))
