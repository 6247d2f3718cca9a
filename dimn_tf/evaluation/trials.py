"""A trial: which images of a target are ranked against which.

A trial list is the same by file names, so that it can be read, hashed and shipped
as text. Names are compared without their extension: users have `.png` and `.jpg`.

    # Trial list of viper: 10 trials.
    # Drawn by: python -m experiments.draw_trials --target=viper --seed=0 ...
    # sha256 of the lines below: 3f6c...
    trial split1_half1
    pair cam_a/005_45 cam_b/005_90
    ...
    every_trial
    gallery single_shot/cam_b/person_0201

`pair` names a probe and its one true match in the gallery; `gallery` names an image
that no probe of the trial matches; what follows `every_trial` is in the gallery of
every trial.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from dimn_tf import errors

_HASH_LINE = "# sha256 of the lines below: "
_NAMED_IN_ERRORS = 5


class Records(Protocol):
    """What evaluation asks of a data set (see `dimn_tf.data.records`)."""

    reference: str
    person_ids: np.ndarray  # int64 [N]
    camera_ids: np.ndarray  # int64 [N]
    file_names: np.ndarray  # str [N]
    splits: np.ndarray  # str [N]
    training_splits: Sequence[str]  # empty: all

    def encoded_images(self, indices: Sequence[int]) -> list[bytes]:
        """The encoded images at these positions."""
        ...


@dataclasses.dataclass(frozen=True)
class Trial:
    """One ranking of P probes against G gallery images of a data set's N records.

    Attributes:
      name: of the trial, unique within its target.
      probe_indices: int64 [P], positions in the records.
      gallery_indices: int64 [G].
      probe_ids: int64 [P]; identities, each with a true match in the gallery.
      gallery_ids: int64 [G]; those that no probe has are distractors.
      probe_cameras: int64 [P], given only where the Market-1501 camera rule holds.
      gallery_cameras: int64 [G], given together with `probe_cameras`.
    """

    name: str
    probe_indices: np.ndarray
    gallery_indices: np.ndarray
    probe_ids: np.ndarray
    gallery_ids: np.ndarray
    probe_cameras: np.ndarray | None = None
    gallery_cameras: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class NamedTrial:
    """A trial by file names without extension, as the text lists hold it.

    Attributes:
      name: of the trial, without spaces.
      pairs: (probe image, its true match in the gallery), one per probe.
      distractors: gallery images that no probe matches.
    """

    name: str
    pairs: tuple[tuple[str, str], ...]
    distractors: tuple[str, ...] = ()

    def swapped(self) -> NamedTrial:
        """The same pairs with probe and gallery images exchanged."""
        if self.distractors:
            raise errors.UserError(
                f"trial {self.name} cannot be swapped: its {len(self.distractors)} "
                "distractors are no probes"
            )
        pairs = tuple((match, probe) for probe, match in self.pairs)
        return NamedTrial(f"{self.name}_swapped", pairs)

    def resolve(self, records: Records, positions: Mapping[str, int]) -> Trial:
        """The trial over `records`; `positions` as `positions_by_name` makes it."""
        gallery_names = [match for _, match in self.pairs] + list(self.distractors)
        names = [probe for probe, _ in self.pairs] + gallery_names
        lost = [name for name in names if name not in positions]
        if lost:
            more = ", ..." if len(lost) > _NAMED_IN_ERRORS else ""
            raise errors.UserError(
                f"trial {self.name} of {records.reference} names {len(lost)} of "
                f"{len(names)} images that the built data set lacks: "
                f"{', '.join(lost[:_NAMED_IN_ERRORS])}{more}. The archive that was "
                "built is incomplete or renamed: build the data set anew from the "
                "complete archive (python -m experiments.build_datasets)"
            )
        probes = np.array([positions[probe] for probe, _ in self.pairs], np.int64)
        gallery = np.array([positions[name] for name in gallery_names], np.int64)
        probe_ids, gallery_ids = records.person_ids[probes], records.person_ids[gallery]
        self._check_identities(records, probe_ids, gallery_ids)
        return Trial(self.name, probes, gallery, probe_ids, gallery_ids)

    def _check_identities(self, records, probe_ids, gallery_ids) -> None:
        count = len(self.pairs)
        wrong = np.flatnonzero(probe_ids != gallery_ids[:count])
        if len(wrong):
            probe, match = self.pairs[wrong[0]]
            raise errors.UserError(
                f"trial {self.name} of {records.reference} pairs {probe} with {match}, "
                f"but the records give them identities {probe_ids[wrong[0]]} and "
                f"{gallery_ids[wrong[0]]}: list and data set do not belong together"
            )
        known = np.isin(gallery_ids[count:], probe_ids)
        if known.any():
            name = self.distractors[int(np.flatnonzero(known)[0])]
            raise errors.UserError(
                f"trial {self.name} of {records.reference} lists {name} as a "
                "distractor, but a probe has its identity"
            )


def stem(file_name: str) -> str:
    """A file name without its extension: 'cam_a/000_45.bmp' -> 'cam_a/000_45'."""
    return str(pathlib.PurePosixPath(file_name).with_suffix(""))


def positions_by_name(records: Records) -> dict[str, int]:
    """File name without extension -> position in the records."""
    positions = {stem(str(name)): i for i, name in enumerate(records.file_names)}
    if len(positions) != len(records.file_names):
        raise errors.UserError(
            f"{records.reference} holds images whose names differ in their extension "
            f"alone ({len(records.file_names) - len(positions)} of them): remove the "
            "copies and build it anew"
        )
    return positions


def body(trials: Sequence[NamedTrial]) -> str:
    """The lines of a trial list that its hash covers."""
    common = [name for name in trials[0].distractors]
    if any(list(trial.distractors) != common for trial in trials):
        common = []
    lines = []
    for trial in trials:
        lines.append(f"trial {trial.name}")
        lines += [f"pair {probe} {match}" for probe, match in trial.pairs]
        if not common:
            lines += [f"gallery {name}" for name in trial.distractors]
    if common:
        lines += ["every_trial"] + [f"gallery {name}" for name in common]
    return "".join(line + "\n" for line in lines)


def sha256(trials: Sequence[NamedTrial]) -> str:
    """Hash of a trial list; the same for every way the trials came about."""
    return hashlib.sha256(body(trials).encode()).hexdigest()


def to_text(trials: Sequence[NamedTrial], target: str, command: str) -> str:
    """A trial list as it is shipped, with its hash and the command that drew it."""
    return (
        f"# Trial list of {target}: {len(trials)} trials.\n"
        f"# Drawn by: {command}\n"
        f"{_HASH_LINE}{sha256(trials)}\n{body(trials)}"
    )


def from_text(text: str, source: str) -> list[NamedTrial]:
    """Reads a trial list and checks it against its hash.

    Args:
      text: as `to_text` wrote it.
      source: the file's name, for errors.

    Raises:
      UserError: a hash that does not fit, or a line that is none of a trial list.
    """
    header = [line for line in text.splitlines() if line.startswith("#")]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    stated = [x.removeprefix(_HASH_LINE) for x in header if x.startswith(_HASH_LINE)]
    found = hashlib.sha256("".join(x + "\n" for x in lines).encode()).hexdigest()
    if stated != [found]:
        raise errors.UserError(
            f"trial list {source} was changed: its header states sha256 "
            f"{', '.join(stated) or '(none)'}, its lines give {found}. Restore the "
            "file, or draw it anew with the command in its header"
        )
    names: list[str] = []
    pairs: dict[str, list[tuple[str, str]]] = {}
    distractors: dict[str, list[str]] = {}
    common: list[str] = []
    gallery = None
    for line in lines:
        match line.split():
            case ["trial", name] if name not in pairs:
                names.append(name)
                pairs[name], distractors[name] = [], []
                gallery = distractors[name]
            case ["every_trial"]:
                gallery = common
            case ["pair", probe, match_] if names and gallery is not common:
                pairs[names[-1]].append((probe, match_))
            case ["gallery", name] if gallery is not None:
                gallery.append(name)
            case _:
                raise errors.UserError(f"trial list {source}: unexpected line {line!r}")
    return [
        NamedTrial(name, tuple(pairs[name]), tuple(distractors[name] + common))
        for name in names
    ]
