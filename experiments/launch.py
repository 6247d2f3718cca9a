"""How every launcher starts: errors that a user can mend end it with one message.

A launcher is a module with `define()`, which defines its flags, and `main(argv)`;
nothing happens where it is only imported. So tests run launchers in one process, each
with flags of its own (`tests/experiments/launcher.py`).
"""

import io
import sys
from collections.abc import Callable

from absl import app, flags, logging

from dimn_tf import errors


def launch(
    define: Callable[[], None],
    main: Callable[[list[str]], None],
    arguments: bool = False,
) -> None:
    """Parses flags, runs `main` and exits; a `UserError` exits with 1.

    Args:
        define: Defines the flags.
        main: Takes what is left of the command line, the command's name first.
        arguments: Whether there may be anything beside flags.
    """

    def guarded(argv):
        if len(argv) > 1 and not arguments:
            raise app.UsageError(f"unknown arguments: {' '.join(argv[1:])}")
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # TFDS notes each file it opens.
        for stream in (sys.stdout, sys.stderr):
            # A log without a terminal is not empty for minutes; a name or a sign that
            # the encoding lacks does not end the run.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(line_buffering=True, errors="backslashreplace")
        try:
            if "keras" in sys.modules:  # Else the launcher makes no model.
                from dimn_tf import keras_settings

                keras_settings.apply()
            main(argv)
        except errors.UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)

    define()
    app.run(guarded)
