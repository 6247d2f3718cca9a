"""Finds a data set's archive in the manual directory."""

import os
import pathlib
import re

from data_builders.facts import PARTIAL, DatasetFacts
from dimn_tf.errors import DataError

_ENDING = re.compile(r"\.(?:zip|tgz|tar(?:\.\w+)?|rar|7z)$", re.IGNORECASE)
_MARKS = re.compile(r"(?:v?\d|version|copy|backup)*")
"""What may follow a data set's name: numbers, versions, and marks of a copy."""
_ANY_NAME = "dataset"  # CUHK02's folder `Dataset`: others call theirs so, too


def candidates(
    facts: DatasetFacts, manual_dir: str | os.PathLike, config: str | None = None
) -> list[pathlib.Path]:
    """Archive files and extracted folders of the data set that are there.

    Args:
        facts: facts of the data set.
        manual_dir: where archives lie.
        config: the builder config; of a whole and a subset, `partial` takes the
            subset and others the whole.
    """
    folder = pathlib.Path(manual_dir)
    found: list[pathlib.Path] = []
    for name in (*facts.archives, *_names_by_pattern(facts, folder)):
        path = folder / name
        # A file system that ignores case shows one folder under two names.
        if path.exists() and not any(path.samefile(other) for other in found):
            found.append(path)
    subsets = [path for path in found if path.name in facts.subset_archives]
    whole = [path for path in found if path not in subsets]
    if not whole and any((folder / name).is_dir() for name in facts.top_folders):
        whole = [folder]
    return subsets or whole if config == PARTIAL else whole or subsets


def _names_by_pattern(facts: DatasetFacts, folder: pathlib.Path) -> list[str]:
    if not (facts.archive_pattern and folder.is_dir()):
        return []
    pattern = re.compile(facts.archive_pattern, re.IGNORECASE)
    return sorted(
        path.name for path in folder.iterdir() if pattern.fullmatch(path.name)
    )


def likely(facts: DatasetFacts, manual_dir: str | os.PathLike) -> str:
    """What to do where the archive seems to be there under another name; else empty.

    Example: `Market-1501-v15.09.15 (1).zip` or `market1501.zip`.
    """
    folder = pathlib.Path(manual_dir)
    if not folder.is_dir():
        return ""
    known = {_plain(name) for name in (*facts.archives, facts.name, facts.title)}
    known.discard(_ANY_NAME)
    for path in sorted(folder.iterdir()):
        seen, ending = _plain(path.name), _ENDING.search(path.name)
        alike = any(
            seen.startswith(name) and _MARKS.fullmatch(seen[len(name) :])
            for name in known
        )
        if not ending and not path.is_dir():  # a lone `.mat`, a text
            continue
        if alike and path.name not in facts.archives:
            wanted = [
                name
                for name in facts.archives
                if name.endswith(ending[0] if ending else "")
                and bool(ending) == bool(_ENDING.search(name))
            ]
            return (
                f"is {os.path.abspath(path)} it? Then rename it to "
                f"{(wanted or facts.archives)[0]}"
            )
    return ""


def _plain(name: str) -> str:
    """A file's name by its letters and digits, without ending and "(1)" or "copy"."""
    name = re.sub(r"\(\d+\)|\bcopy\b", "", _ENDING.sub("", name).casefold())
    return re.sub(r"[^a-z0-9]", "", name)


def build_command(
    facts: DatasetFacts, manual_dir: str | os.PathLike, config: str | None = None
) -> str:
    """The plain TFDS command line that builds the data set, and where to run it."""
    command = f"tfds build --manual_dir={os.path.abspath(manual_dir)}"
    if config not in (None, facts.default_config):
        command += f" --config={config}"
    return f"{command} in data_builders/{facts.name}"


def find_archive(
    facts: DatasetFacts, manual_dir: str | os.PathLike, config: str | None = None
) -> pathlib.Path:
    """The one archive file or folder of the data set; see `candidates`.

    Raises:
        DataError: there is none, or more than one.
    """
    found = candidates(facts, manual_dir, config)
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"{facts.name}: {len(found)} candidates for one data set",
            path=manual_dir,
            found=" and ".join(os.path.abspath(path) for path in found),
            expected="one of them",
            action="move all but one elsewhere, then build again",
        )
    seen = likely(facts, manual_dir)
    raise DataError(
        f"{facts.name}: the archive of {facts.title} is missing",
        path=manual_dir,
        found=_listing(manual_dir),
        expected=f"one of {', '.join(facts.archives)}",
        action=(f"{seen}; else " if seen else "")
        + (
            f"get it from {facts.homepage}, put it there, then run "
            f"{build_command(facts, manual_dir, config)}"
            + (f". {facts.remark}" if facts.remark else "")
        ),
    )


def _listing(folder: str | os.PathLike) -> str:
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return "no such folder"
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        return "an empty folder"
    return ", ".join(names[:12]) + (", ..." if names[12:] else "")
