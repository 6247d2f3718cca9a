"""Draws trials by seed, the same on every machine and with every library version.

The order of a draw is the order of SHA-256 hashes of "seed/trial/item"; no random
number generator takes part, whose stream could change between versions. Items are
file names without extension, so `.png` and `.jpg` copies give the same trials.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import trials as trials_lib

VIPER_SPLITS = 5
PRID_PROBES = 100
PRID_PERSONS_IN_BOTH_VIEWS = 200  # larger numbers name other persons in A and in B
TRIALS = 10


def shuffled(items: Iterable[str], seed: int, trial: str) -> list[str]:
    """The items in an order that seed and trial alone decide."""

    def key(item: str) -> bytes:
        return hashlib.sha256(f"{seed}/{trial}/{item}".encode()).digest()

    return sorted(items, key=key)


def viper(
    records: trials_lib.Records,
    seed: int = 0,
    splits: int = VIPER_SPLITS,
    both_halves: bool = True,
) -> list[trials_lib.NamedTrial]:
    """Random halves of the persons, camera A as probe; with the other half swapped.

    The paper: "5 random train/test splits, plus their swapped version".
    """
    view_a, view_b = _by_person(records, "cam_a"), _by_person(records, "cam_b")
    persons = sorted(view_a, key=view_a.get)
    if set(view_a) != set(view_b):
        alone = sorted(set(view_a) ^ set(view_b))
        raise errors.UserError(
            f"{records.reference}: {len(alone)} persons are in one view only "
            f"(the first is {alone[0]}): the archive is incomplete"
        )
    by_probe = {view_a[person]: view_b[person] for person in persons}
    half = len(persons) // 2
    drawn = []
    for split in range(1, splits + 1):
        order = shuffled(by_probe, seed, f"viper/split{split}")
        halves = [order[:half], order[half:]] if both_halves else [order[:half]]
        for number, probes in enumerate(halves, start=1):
            pairs = tuple((probe, by_probe[probe]) for probe in sorted(probes))
            name = f"split{split}" + (f"_half{number}" if both_halves else "")
            drawn.append(trials_lib.NamedTrial(name, pairs))
    return drawn


def prid(
    records: trials_lib.Records, seed: int = 0, trials: int = TRIALS
) -> list[trials_lib.NamedTrial]:
    """100 of the 200 paired persons, view A as probe; all B-only persons in B.

    Persons above 200 are different people in A and in B though they share numbers;
    those of A take no part, so that no number stands for two persons in a trial.
    """
    view_a, view_b = _by_person(records, "cam_a"), _by_person(records, "cam_b")
    paired = range(1, PRID_PERSONS_IN_BOTH_VIEWS + 1)
    lost = [p for p in paired if p not in view_a or p not in view_b]
    if lost:
        raise errors.UserError(
            f"{records.reference}: persons 1 to {PRID_PERSONS_IN_BOTH_VIEWS} must be "
            f"in both views, {len(lost)} are not (the first is {lost[0]}): the "
            "archive is incomplete"
        )
    by_probe = {view_a[person]: view_b[person] for person in paired}
    alone = sorted(view_b[p] for p in view_b if p > PRID_PERSONS_IN_BOTH_VIEWS)
    drawn = []
    for trial in range(1, trials + 1):
        order = shuffled(by_probe, seed, f"prid/trial{trial}")
        pairs = tuple((probe, by_probe[probe]) for probe in sorted(order[:PRID_PROBES]))
        drawn.append(trials_lib.NamedTrial(f"trial{trial}", pairs, tuple(alone)))
    return drawn


def one_pair_per_identity(
    records: trials_lib.Records,
    seed: int = 0,
    trials: int = TRIALS,
    person_ids: Sequence[int] | None = None,
    identities_per_trial: int | None = None,
) -> list[trials_lib.NamedTrial]:
    """One probe and one gallery image of each identity, drawn anew in each trial.

    Probe and gallery image are from different cameras where the identity was seen by
    two or more, and different images always; of two cameras, the lower number is the
    probe's, so that all probes of a two-camera data set come from its first camera, as
    in VIPeR (with probes of either camera, strangers of the probe's own camera would
    stand in the gallery, which no protocol without the camera rule has). Identities
    with a single image cannot take part. Of a data set that is trained on in some
    splits only, these splits are drawn from.

    Args:
      records: a data set; its `camera_ids` may all be equal (no cameras known).
      seed: decides the draw, together with the file names.
      trials: how many.
      person_ids: raw identities to draw from; None for all.
      identities_per_trial: how many identities are drawn (i-LIDS: 60); None for all.

    Raises:
      UserError: fewer than two identities (or than asked for) have two images.
    """
    images = _images_of_identities(records, person_ids)
    wanted = identities_per_trial or max(2, len(images))
    if len(images) < wanted:
        raise errors.UserError(
            f"{records.reference}: {len(images)} identities have two images or more, "
            f"trials need {wanted}"
        )
    drawn = []
    for trial in range(1, trials + 1):
        name = f"trial{trial}"
        salt = f"{_data_set(records)}/{name}"
        persons = {f"person{p}": p for p in images}
        chosen = shuffled(persons, seed, salt)[:wanted]
        pairs = []
        for person in sorted(persons[key] for key in chosen):
            order = shuffled(images[person], seed, salt)
            probe = order[0]
            camera = images[person][probe]
            other = [x for x in order[1:] if images[person][x] != camera]
            pair = (probe, (other or order[1:])[0])
            # A stable sort: without cameras, the order stays as drawn.
            pairs.append(tuple(sorted(pair, key=images[person].get)))
        drawn.append(trials_lib.NamedTrial(name, tuple(pairs)))
    return drawn


def several_per_identity(
    records: trials_lib.Records,
    seed: int,
    gallery_images: int,
    trials: int = TRIALS,
    person_ids: Sequence[int] | None = None,
) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Like `one_pair_per_identity`, with several gallery images of each identity.

    Where an identity was seen by two cameras or more, its probe is of the camera with
    the lowest number and its gallery images are of the others.

    Args:
      records: see `one_pair_per_identity`.
      seed: likewise.
      gallery_images: of each identity, as far as it has them; 0 for all.
      trials: how many.
      person_ids: raw identities to draw from; None for all.

    Returns:
      Name of the trial -> (probes, gallery), by file names.

    Raises:
      UserError: fewer than two identities have two images.
    """
    images = _images_of_identities(records, person_ids)
    if len(images) < 2:
        raise errors.UserError(
            f"{records.reference}: {len(images)} identities have two images or more, "
            "trials need 2"
        )
    drawn = {}
    for trial in range(1, trials + 1):
        name = f"trial{trial}"
        salt = f"{_data_set(records)}/{name}"
        probes, gallery = [], []
        for person in sorted(images):
            cameras = images[person]
            # A stable sort: within a camera, the order stays as drawn.
            probe, *rest = sorted(shuffled(cameras, seed, salt), key=cameras.get)
            others = [x for x in rest if cameras[x] != cameras[probe]] or rest
            others = shuffled(others, seed, salt)
            probes.append(probe)
            gallery += others[: gallery_images or None]
        drawn[name] = tuple(probes), tuple(gallery)
    return drawn


def _data_set(records: trials_lib.Records) -> str:
    """Name of the data set, wherever it lies and whatever its builder config."""
    return records.reference.split(":")[0].split("/")[0]


def grid(
    records: trials_lib.Records, folds: Sequence[np.ndarray]
) -> list[trials_lib.NamedTrial]:
    """The official folds: 125 test persons against theirs and all 775 distractors.

    Args:
      records: of splits `probe` and `gallery`; distractors have person id 0.
      folds: the test persons' ids of each fold, as the archive states them.
    """
    probe, gallery = _by_person(records, "probe"), _by_person(records, "gallery", {0})
    unknown = (records.splits == "gallery") & (records.person_ids == 0)
    alone = tuple(sorted(map(trials_lib.stem, records.file_names[unknown])))
    drawn = []
    for number, persons in enumerate(folds, start=1):
        lost = [p for p in map(int, persons) if p not in probe or p not in gallery]
        if lost:
            raise errors.UserError(
                f"{records.reference}: fold {number} names {len(lost)} persons without "
                f"a probe and a gallery image (the first is {lost[0]}): the archive "
                "is incomplete"
            )
        pairs = tuple((probe[p], gallery[p]) for p in sorted(map(int, persons)))
        drawn.append(trials_lib.NamedTrial(f"fold{number}", pairs, alone))
    return drawn


def _by_person(
    records: trials_lib.Records, split: str, passed_over: set[int] = frozenset()
) -> dict[int, str]:
    """Person id -> file name without extension, in a split of one image a person."""
    found: dict[int, str] = {}
    for i in np.flatnonzero(records.splits == split):
        person = int(records.person_ids[i])
        if person in passed_over:
            continue
        if person in found:
            raise errors.UserError(
                f"{records.reference}: split {split} holds two images of person "
                f"{person}, {found[person]} and {records.file_names[i]}; the protocol "
                "knows one"
            )
        found[person] = trials_lib.stem(str(records.file_names[i]))
    return found


def _images_of_identities(
    records: trials_lib.Records, person_ids: Sequence[int] | None
) -> dict[int, dict[str, int]]:
    """Identity -> {file name without extension: camera}, of two images or more."""
    wanted = None if person_ids is None else {int(p) for p in person_ids}
    images: dict[int, dict[str, int]] = {}
    # Own data that is all probes and gallery has no split that is trained on.
    trained_on = set(records.training_splits) & set(records.splits.tolist())
    labels = zip(
        records.person_ids.tolist(),
        records.camera_ids.tolist(),
        records.file_names.tolist(),
        records.splits.tolist(),
        strict=True,
    )
    for person, camera, name, split in labels:
        if trained_on and split not in trained_on:
            continue
        if wanted is None or person in wanted:
            images.setdefault(person, {})[trials_lib.stem(name)] = camera
    if wanted is not None and wanted - set(images):
        raise errors.UserError(
            f"{records.reference} lacks {len(wanted - set(images))} of the "
            f"{len(wanted)} identities asked for (e.g. {min(wanted - set(images))})"
        )
    return {person: names for person, names in images.items() if len(names) > 1}
