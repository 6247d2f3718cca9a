"""The error that a wrong or missing archive raises."""

import os


class DataError(ValueError):
    """A fault of an archive: its path, what was found, expected, and what to do.

    Launchers print the message without a traceback and exit with status 1.
    """

    @classmethod
    def about(
        cls,
        problem: str,
        *,
        path: str | os.PathLike,
        found: str,
        expected: str,
        action: str,
    ) -> "DataError":
        """The error in the form that all faults of archives share.

        Args:
            problem: one line, begins with the data set's name where it is known.
            path: file or folder at fault; shown as an absolute path.
            found: what is there.
            expected: what should be there.
            action: what the user can do about it.
        """
        return cls(
            f"{problem}\n"
            f"  path:     {os.path.abspath(path)}\n"
            f"  found:    {found}\n"
            f"  expected: {expected}\n"
            f"  to do:    {action}"
        )
