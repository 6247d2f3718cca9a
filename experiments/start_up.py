"""What must be so before TensorFlow is imported; `experiments/__init__.py` calls it."""

import contextlib
import importlib.abc
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator

from experiments import known_lines

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_PATIENCE = 5.0  # Seconds; nothing but a process left behind keeps the filter open.


def prepare() -> None:
    """Sets up the process: streams that are open, a quiet start, a short Ctrl-C."""
    open_streams()
    asked_for = os.environ.get(_LEVEL) in ("0", "1")
    # What follows the start-up: errors alone.
    os.environ.setdefault(_LEVEL, "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # Before Keras is imported: a launcher owns its process, whatever
    # ~/.keras/keras.json or the environment say (see `dimn_tf.keras_settings`).
    os.environ["KERAS_BACKEND"] = "tensorflow"
    if not asked_for and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder())
    sys.excepthook = _excepthook


def open_streams() -> None:
    """Opens stdin, stdout and stderr on nothing where they are closed (`>&-`).

    The next file that is opened would be taken for one of them, and get its lines.
    """
    for number, mode, name in (
        (0, "r", "stdin"),
        (1, "w", "stdout"),
        (2, "w", "stderr"),
    ):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # The lowest number that is free.
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


def _excepthook(kind, error, trace) -> None:
    """Ctrl-C while modules are imported needs no traceback."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted: nothing was begun", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow, once, and has its import filtered."""

    def find_spec(self, name, path, target=None):
        """See base class."""
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads a module as its own loader does, and without its known lines."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        """See base class."""
        return self._loader.create_module(spec)

    def exec_module(self, module):
        """See base class."""
        module.__spec__.loader = module.__loader__ = self._loader
        with without_known_lines():
            self._loader.exec_module(module)
            # The first look at the devices has lines of its own. It takes no memory of
            # them, and they may still be configured.
            module.config.list_physical_devices()


@contextlib.contextmanager
def without_known_lines() -> Iterator[None]:
    """Drops `known_lines` from what goes to file descriptor 2 in a block.

    Everything else is passed on at once, also where the block crashes the process.
    """
    real = os.dup(2)
    try:
        copying = subprocess.Popen(
            [sys.executable, "-ISE", known_lines.__file__],
            stdin=subprocess.PIPE,
            stdout=real,
            start_new_session=True,  # Ctrl-C is for the block.
        )
    except OSError:  # No further process: rather all lines than none.
        os.close(real)
        yield
        return
    sys.stderr.flush()
    os.dup2(copying.stdin.fileno(), 2)
    copying.stdin.close()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(real, 2)
        os.close(real)
        with contextlib.suppress(subprocess.TimeoutExpired):
            copying.wait(_PATIENCE)
