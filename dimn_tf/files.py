"""Files that are written whole or not at all, and by one process at a time."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator

try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None

from dimn_tf import errors

_NAME_BYTES = 255  # Of one part of a path.
_OLD_SECONDS = 86_400.0  # What another machine left is then taken for a dead writer's.
_PARTIAL = re.compile(r"\.(?P<host>[\w-]+)\.(?P<pid>\d+)\.partial")


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A name to write to, which takes `path`'s place once the block has ended well.

    The name keeps the suffix of `path`, by which image writers choose the format, and
    begins with a dot. Missing folders are made. What an earlier writer of `path` left
    when it was killed is removed. A link stays one: what it leads to is replaced. What
    is no plain file (`/dev/null`, a pipe) is written to at the end.

    Raises:
        errors.UserError: the system refuses the place, a full disk or a folder where a
            file should be among the reasons; nothing is left of the new file.
    """
    path = pathlib.Path(path)
    with told(path):
        mode = path.stat().st_mode if path.exists() else stat.S_IFREG
        if stat.S_ISDIR(mode):
            raise errors.UserError(
                f"{path}: cannot be written: it is a folder. Name a file"
            )
    if not stat.S_ISREG(mode):
        with tempfile.TemporaryDirectory() as folder:
            partial = pathlib.Path(folder) / f"file{path.suffix}"
            yield partial
            with told(path), partial.open("rb") as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
        return
    if path.is_symlink():
        path = pathlib.Path(os.path.realpath(path))
    _make_folder(path)
    _remove_leftovers(path)
    partial = _partial(path)
    try:
        with told(path, partial):
            yield partial
            partial.replace(path)
    finally:
        with contextlib.suppress(OSError):  # Else it would hide what went wrong.
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def told(
    path: str | os.PathLike, partial: str | os.PathLike | None = None
) -> Iterator[None]:
    """Gives what the system refuses in a block the name of the file that it is about.

    Only errors without a name of their own (a write to a full disk), or with that of
    `path` or `partial`: others tell of another file.

    Raises:
        errors.UserError: with the system's reason.
    """
    try:
        yield
    except OSError as error:
        ours = {None, os.fspath(path), os.fspath(partial or path)}
        named = {
            None if name is None else os.fspath(name)
            for name in (error.filename, error.filename2)
        }
        if error.errno is None or not named <= ours:
            raise
        raise errors.UserError(
            f"{os.fspath(path)}: cannot be written: {error.strerror}"
        ) from error


def _make_folder(path: pathlib.Path) -> None:
    """Makes the folder of a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
        if isinstance(error, FileExistsError | NotADirectoryError):
            reason = f"{error.filename} is in the way, which is no folder"
        raise errors.UserError(f"{path}: cannot be written: {reason}") from error


def _partial(path: pathlib.Path) -> pathlib.Path:
    """The name that this process writes to: `.<stem>.<host>.<process>.partial<suffix>`.

    The stem is cut where the whole would be longer than a file's name may be.
    """
    ending = f".{_host()}.{os.getpid()}.partial{path.suffix}"
    stem = path.stem
    while stem and len(os.fsencode(f".{stem}{ending}")) > _NAME_BYTES:
        stem = stem[:-1]
    return path.with_name(f".{stem}{ending}")


def _host() -> str:
    return re.sub(r"[^\w-]", "-", socket.gethostname() or "host", flags=re.ASCII)[:40]


def _remove_leftovers(path: pathlib.Path) -> None:
    """Removes what killed writers of a file left beside it."""
    own = _partial(path).name
    start = own[: -len(f".{_host()}.{os.getpid()}.partial{path.suffix}")]
    try:
        names = os.listdir(path.parent)
    except OSError:  # It may be written to all the same.
        return
    for name in names:
        if not name.startswith(start) or not name.endswith(".partial" + path.suffix):
            continue
        middle = name[len(start) : len(name) - len(path.suffix)]
        match = _PARTIAL.fullmatch(middle)
        if match is None:
            continue
        found = path.with_name(name)
        with contextlib.suppress(OSError):  # Another process may be faster.
            if match["host"] == _host():
                dead = not _lives(int(match["pid"]))
            else:
                dead = time.time() - found.stat().st_mtime > _OLD_SECONDS
            if dead:
                found.unlink()


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False  # A file of an earlier process of this number, so far.
    if fcntl is None:  # Windows' `kill` asks nothing, it kills.
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # Another user's.
        return True
    return True


def private_folder(path: str | os.PathLike) -> None:
    """Makes a folder that its owner alone may look into, unless it is there.

    Raises:
        OSError: it cannot be made.
    """
    pathlib.Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)


def private_opener(path: str, flags: int) -> int:
    """For `open`: what it makes is its owner's alone."""
    return os.open(path, flags, 0o600)


def open_to_others(path: str | os.PathLike) -> bool:
    """Whether others than its owner may read a file, or look into a folder."""
    return bool(os.stat(path).st_mode & 0o077)


@contextlib.contextmanager
def exclusive(path: str | os.PathLike, otherwise: str) -> Iterator[None]:
    """Holds a lock file; the system frees it with the process, however that ends.

    Args:
        path: The lock file; its folder is there.
        otherwise: What the error says.

    Raises:
        errors.UserError: another process holds it, or the system knows no locks.
    """
    with contextlib.ExitStack() as opened:
        with told(path):
            file = opened.enter_context(pathlib.Path(path).open("w"))
        if not take(file.fileno(), path):
            raise errors.UserError(otherwise)
        yield


def take(
    handle: int,
    path: str | os.PathLike,
    waiting: Callable[[], None] | None = None,
) -> bool:
    """Takes the lock of an opened file or folder, which ends when it is closed.

    Args:
        handle: Its file descriptor.
        path: Its name, for errors.
        waiting: Called once where another process holds it, which is then waited for;
            None: it is not.

    Returns:
        Whether it is held.

    Raises:
        errors.UserError: the system or the file system knows no locks.
    """
    if fcntl is None:
        raise errors.UserError(
            f"{os.fspath(path)}: this system has no locks that a killed process frees "
            "(Python's fcntl is missing: Windows). Run it on Linux or macOS, or in "
            "Windows' Linux (WSL 2)"
        )
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is None:
                return False
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        raise errors.UserError(
            f"{os.fspath(path)}: cannot be locked: {error.strerror}. Use a folder on a "
            "file system that knows locks"
        ) from error
    return True


def release(handle: int) -> None:
    """Frees what `take` took, also for processes forked in the meantime."""
    fcntl.flock(handle, fcntl.LOCK_UN)
