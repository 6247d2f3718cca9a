"""How every launcher starts and ends: what a user can mend ends it with one message.

A launcher is a module with `define()`, which defines its flags, and `main(argv)`;
nothing happens where it is only imported. So tests run launchers in one process, each
with flags of its own (`tests/experiments/launcher.py`).
"""

import contextlib
import pathlib
import signal
import sys
from collections.abc import Callable, Iterator

from absl import app, flags, logging

from dimn_tf import errors
from experiments import command_line, streams

INTERRUPTED, TERMINATED = 130, 143
"""Exit statuses of a command that a signal ended, as shells give them."""
_KEPT = "what was written whole is kept, nothing is left half-written"


def launch(
    define: Callable[[], None],
    main: Callable[[list[str]], None],
    arguments: bool = False,
    kept: str = _KEPT,
) -> None:
    """Parses flags, runs `main` and exits.

    With 1 where the user has to mend something, or the system refused a file: one
    message on stderr. With 130 after Ctrl-C and 143 after SIGTERM. Every other
    exception is a defect and keeps its traceback.

    Args:
        define: Defines the flags.
        main: Takes what is left of the command line, the command's name first.
        arguments: Whether there may be anything beside flags.
        kept: What is left of a command that is interrupted.
    """
    with streams.surviving() as shown, _terminable():
        try:
            _run(define, main, arguments)
        except errors.UserError as error:
            _end(f"error: {error}", 1)
        except _Terminated:
            _end(f"terminated: {kept}", TERMINATED)
        except KeyboardInterrupt:
            _end(f"interrupted: {kept}", INTERRUPTED)
        except OSError as error:
            if error.errno is None:  # Raised by a library, and no word of the system's.
                raise
            _end(f"error: {_told(error)}", 1)
        for stream in shown:
            if stream.fault is not None:
                _end(
                    f"error: {stream.name}: the output cannot be written: "
                    f"{stream.fault.strerror}; files were written",
                    1,
                )


def _run(define, main, arguments) -> None:
    app.define_help_flags()
    others = set(flags.FLAGS)
    define()
    own = [name for name in flags.FLAGS if name not in others]

    def parse(argv):
        asked = set(argv[1 : argv.index("--") if "--" in argv else None])
        if asked & command_line.HELP_IN_FULL:
            print(flags.FLAGS.get_help())
            sys.exit(0)
        if asked & command_line.HELP:
            about = main.__globals__["__doc__"] or ""
            print(command_line.help_text(about, own), end="")
            sys.exit(0)
        return command_line.parse(argv, own, arguments)

    def guarded(argv):
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)  # TFDS notes each file it opens.
        if "keras" in sys.modules:  # Else the launcher makes no model.
            from dimn_tf import keras_settings

            keras_settings.apply()
        main(argv)

    try:
        app.run(guarded, flags_parser=parse)
    except SystemExit as end:  # absl's way to end, also where all is well.
        if end.code:
            raise


class _Terminated(KeyboardInterrupt):
    """SIGTERM: what Ctrl-C undoes, it undoes."""


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends a block as Ctrl-C does."""

    def terminate(number, frame):
        raise _Terminated

    try:
        before = signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # Not in the main thread, which alone takes signals.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(message: str, status: int) -> None:
    print(message, file=sys.stderr)
    if status in (INTERRUPTED, TERMINATED):
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # A second one, meanwhile.
    sys.exit(status)


def _told(error: OSError) -> str:
    """Place and reason of what the system refused."""
    if isinstance(error, FileExistsError | NotADirectoryError) and error.filename:
        place = pathlib.Path(error.filename)
        for path in (place, *place.parents):
            if path.exists() and not path.is_dir():
                return f"{place}: {path} is in the way, which is no folder"
    places = [str(name) for name in (error.filename, error.filename2) if name]
    place = " -> ".join(places)
    return f"{place}: {error.strerror}" if place else f"{error.strerror}"
