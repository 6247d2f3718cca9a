"""Trials of data sets without a published protocol, a user's own among them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import drawing
from dimn_tf.evaluation import options as options_lib
from dimn_tf.evaluation import trials as trials_lib

PROBE, GALLERY = "probe", "gallery"
"""Splits that state a trial by themselves (own data's `query` is read as `probe`)."""


@dataclasses.dataclass(frozen=True)
class OpenTrial:
    """A trial whose gallery may hold several images of a person, or none.

    Attributes:
      name: of the trial.
      probes: file names without extension.
      gallery: likewise.
      camera_rule: whether the Market-1501 rule holds.
    """

    name: str
    probes: tuple[str, ...]
    gallery: tuple[str, ...]
    camera_rule: bool = False

    def resolve(
        self, records: trials_lib.Records, positions: Mapping[str, int]
    ) -> trials_lib.Trial:
        """The trial over `records`; `positions` as `positions_by_name` makes it."""
        probes = np.array([positions[name] for name in self.probes], np.int64)
        gallery = np.array([positions[name] for name in self.gallery], np.int64)
        cameras = (
            (records.camera_ids[probes], records.camera_ids[gallery])
            if self.camera_rule
            else (None, None)
        )
        ids = records.person_ids
        return trials_lib.Trial(
            self.name, probes, gallery, ids[probes], ids[gallery], *cameras
        )


def sha256(trials: Sequence[OpenTrial]) -> str:
    """Hash of trials by file names."""
    digest = hashlib.sha256()
    for trial in trials:
        rule = "cross_camera" if trial.camera_rule else "none"
        lines = [f"trial {trial.name} {rule}"]
        lines += [f"probe {name}" for name in trial.probes]
        lines += [f"gallery {name}" for name in trial.gallery]
        text = "".join(line + "\n" for line in lines)
        digest.update(text.encode(errors="surrogateescape"))  # Names are bytes.
    return digest.hexdigest()


def make(
    records: trials_lib.Records,
    person_ids: Sequence[int],
    options: options_lib.EvaluationOptions,
) -> tuple[list[OpenTrial] | list[trials_lib.NamedTrial], str]:
    """The trials that the options ask for, and where they come from, for people.

    Args:
      records: the data set.
      person_ids: raw ids of its identities; images of others take no part.
      options: of these, `own_trials`, `gallery_images`, `camera_rule`, `trial_seed`.

    Raises:
      UserError: the data set has no such trials.
    """
    rule = options.camera_rule == "cross_camera"
    if rule and len(set(records.camera_ids.tolist())) < 2:
        raise errors.UserError(
            f"--camera_rule=cross_camera: {records.reference} was seen by one camera, "
            "or tells none, so that no probe would have a true match. Use "
            "--camera_rule=none, or tell the cameras (reid_folder:FOLDER?camera="
            "PATTERN, or a column camera_id)"
        )
    splits = set(records.splits.tolist())
    own = records.reference.startswith("reid_folder:")
    if options.own_trials == "auto" and {PROBE, GALLERY} <= splits:
        probes = _names(records, records.splits == PROBE, person_ids)
        gallery = _names(records, records.splits == GALLERY, person_ids)
        trial = OpenTrial("splits", probes, gallery, rule)
        unused = _unused(splits - {PROBE, GALLERY})
        return [trial], f"its splits {PROBE} and {GALLERY}{unused}"
    unused = ""
    if own:
        # What is trained on is not tested on; where that is all, all is drawn from,
        # and `seen_in_training` tells.
        others = (splits - set(records.training_splits)) or splits
        records = dataclasses.replace(records, training_splits=tuple(sorted(others)))
        left = records.person_ids[np.isin(records.splits, records.training_splits)]
        person_ids = sorted(set(person_ids) & set(left.tolist()))
        unused = _unused(splits - others)
    if options.own_trials in ("cameras", "all"):
        by = _by_camera if options.own_trials == "cameras" else _all_against_all
        trials, source = by(records, person_ids, rule)
        return trials, source + unused
    source = f"drawn by seed {options.trial_seed}"
    if options.gallery_images == 1 and not rule:
        named = drawing.one_pair_per_identity(
            records, options.trial_seed, person_ids=person_ids
        )
        return named, source + unused
    named = drawing.several_per_identity(
        records, options.trial_seed, options.gallery_images, person_ids=person_ids
    )
    trials = [OpenTrial(name, *sides, rule) for name, sides in named.items()]
    source += f", {options.gallery_images or 'all'} gallery images each"
    return trials, source + unused


def _unused(splits: set[str]) -> str:
    return f"; split {', '.join(sorted(splits))} takes no part" if splits else ""


def _by_camera(records, person_ids, rule) -> tuple[list[OpenTrial], str]:
    allowed, cameras = _allowed(records, "cameras")
    first = records.camera_ids == cameras[0]
    trial = OpenTrial(
        "cameras",
        _names(records, allowed & first, person_ids),
        _names(records, allowed & ~first, person_ids),
        rule,
    )
    return [trial], f"camera {cameras[0]} against {len(cameras) - 1} other camera(s)"


def _all_against_all(records, person_ids, rule) -> tuple[list[OpenTrial], str]:
    """Every image is a probe against all others, itself and its camera passed over."""
    del rule  # It always holds here: a probe stands in the gallery, too.
    allowed, cameras = _allowed(records, "all")
    names = _names(records, allowed, person_ids)
    source = (
        f"every image against those of all {len(cameras)} cameras, its own person in "
        "its own camera passed over"
    )
    return [OpenTrial("all", names, names, camera_rule=True)], source


def _allowed(records, protocol: str) -> tuple[np.ndarray, list[int]]:
    """Which images take part, bool [N], and the cameras of these, two or more."""
    allowed = np.ones(len(records.splits), bool)
    if records.training_splits:
        allowed = np.isin(records.splits, records.training_splits)
    cameras = sorted(set(records.camera_ids[allowed].tolist()))
    if len(cameras) < 2:
        raise errors.UserError(
            f"--own_trials={protocol}: {records.reference} was seen by one camera, or "
            "tells none. Use --own_trials=pairs, or tell the cameras "
            "(reid_folder:FOLDER?camera=PATTERN, or a column camera_id)"
        )
    return allowed, cameras


def _names(records, chosen, person_ids) -> tuple[str, ...]:
    chosen = chosen & np.isin(records.person_ids, list(person_ids))
    return tuple(sorted(map(trials_lib.stem, records.file_names[chosen].tolist())))
