"""How every launcher starts: errors that a user can mend end it with one message."""

import sys
from collections.abc import Callable

from absl import app, flags, logging

from data_builders import errors as data_errors
from dimn_tf import errors


def launch(main: Callable[[list[str]], None]) -> None:
    """Parses flags and runs `main`; a `UserError` or `DataError` exits with 1."""

    def guarded(argv):
        if len(argv) > 1:
            raise app.UsageError(f"unknown arguments: {' '.join(argv[1:])}")
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # TFDS notes each file it opens.
        try:
            main(argv)
        except (errors.UserError, data_errors.DataError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)

    app.run(guarded)
