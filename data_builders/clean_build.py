"""Builds that leave either a whole data set or nothing."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator

from dimn_tf import errors, files, progress

# TFDS builds in `<data_dir>/<name>/<config>/incomplete.<random>_<version>/`.
_INCOMPLETE = "incomplete.*"


@contextlib.contextmanager
def clean_build(
    data_dir: str | os.PathLike,
    name: str,
    say: Callable[[str], None] = progress.print_at_once,
) -> Iterator[None]:
    """Wraps one build of a data set.

    TFDS removes its temporary folder when a build raises, but not when it is
    killed, and it leaves empty folders and a default-config note behind. One build
    runs at a time in a data directory: the lock is the directory itself, which the
    system frees when a process ends in whatever way, so that what looks incomplete
    is known to be a dead build's.

    Args:
        data_dir: TFDS' output directory.
        name: the data set.
        say: told once where another build is waited for.

    Raises:
        errors.UserError: the records cannot be written, as on a full disk.
    """
    data_dir = pathlib.Path(data_dir)
    made = not data_dir.exists()
    data_dir.mkdir(parents=True, exist_ok=True)
    handle = os.open(data_dir, os.O_RDONLY)
    try:
        files.take(
            handle,
            data_dir,
            lambda: say(
                f"{name}: another process is building in {data_dir}; waiting for it"
            ),
        )
        try:
            _remove_incomplete(data_dir / name)
            try:
                yield
            except RuntimeError as error:
                # array_record's own, which has no fields: it names what it wrote.
                if str(data_dir) not in str(error):
                    raise
                raise errors.UserError(
                    f"{data_dir}: {name} cannot be written there "
                    f"({str(error).splitlines()[0]}). Nothing of it is kept. Make "
                    "room, or name another --data_dir"
                ) from error
            finally:
                with contextlib.suppress(OSError):  # Else it would hide the cause.
                    _remove_empty(data_dir, name)
                    if made:
                        _remove_if_empty(data_dir)
        finally:
            # Closing alone would leave the lock to processes forked meanwhile.
            files.release(handle)
    finally:
        os.close(handle)


def _remove_incomplete(folder: pathlib.Path) -> None:
    for leftover in [*folder.glob(_INCOMPLETE), *folder.glob(f"*/{_INCOMPLETE}")]:
        shutil.rmtree(leftover)


def _remove_empty(data_dir: pathlib.Path, name: str) -> None:
    folder = data_dir / name
    if folder.is_dir():
        for config in folder.iterdir():
            _remove_if_empty(config)
        rest = list(folder.iterdir())
        if rest == [folder / ".config"]:
            shutil.rmtree(folder / ".config")
        _remove_if_empty(folder)
    downloads = data_dir / "downloads"
    _remove_if_empty(downloads / "extracted")
    _remove_if_empty(downloads)


def _remove_if_empty(folder: pathlib.Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
