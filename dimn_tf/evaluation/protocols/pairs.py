"""A probe and one or several gallery images of each identity, drawn by seed."""

from __future__ import annotations

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation.protocols import lottery, naming, protocol
from dimn_tf.evaluation.protocols import trial as trial_lib


def one_pair_per_identity(
    asked: protocol.Asked, identities_per_trial: int | None = None
) -> list[trial_lib.Trial]:
    """One probe and one gallery image of each identity, drawn anew in each trial.

    Probe and gallery image are from different cameras where the identity was seen by
    two or more, and different images always; of two cameras, the lower number is the
    probe's, so that all probes of a two-camera data set come from its first camera, as
    in VIPeR (with probes of either camera, strangers of the probe's own camera would
    stand in the gallery, which no protocol without the camera rule has). Identities
    with a single image cannot take part.

    Args:
      asked: `camera_ids` of its records may all be equal (no cameras known).
      identities_per_trial: how many identities are drawn; None for all.

    Raises:
      UserError: fewer than two identities (or than asked for) have two images.
    """
    images = _images_of_identities(asked, identities_per_trial or 2)
    seed, drawn = asked.options.trial_seed, []
    for name, salt in _lots(asked):
        persons = {f"person{person}": person for person in images}
        chosen = lottery.shuffled(persons, seed, salt)[:identities_per_trial]
        pairs = []
        for person in sorted(persons[key] for key in chosen):
            cameras = images[person]
            probe, *rest = lottery.shuffled(cameras, seed, salt)
            others = [x for x in rest if cameras[x] != cameras[probe]] or rest
            # A stable sort: without cameras, the order stays as drawn.
            pairs.append(tuple(sorted((probe, others[0]), key=cameras.get)))
        drawn.append(trial_lib.Trial.of_pairs(name, pairs))
    return drawn


def several_per_identity(asked: protocol.Asked) -> list[trial_lib.Trial]:
    """Like `one_pair_per_identity`, with `gallery_images` (0: all) of each identity.

    Where an identity was seen by two cameras or more, its probe is of the camera with
    the lowest number and its gallery images are of the others.
    """
    images = _images_of_identities(asked, 2)
    options, drawn = asked.options, []
    for name, salt in _lots(asked):
        probes, gallery = [], []
        for person in sorted(images):
            cameras = images[person]
            # A stable sort: within a camera, the order stays as drawn.
            order = lottery.shuffled(cameras, options.trial_seed, salt)
            probe, *rest = sorted(order, key=cameras.get)
            others = [x for x in rest if cameras[x] != cameras[probe]] or rest
            others = lottery.shuffled(others, options.trial_seed, salt)
            probes.append(probe)
            gallery += others[: options.gallery_images or None]
        drawn.append(
            trial_lib.Trial(
                name, tuple(probes), tuple(gallery), camera_rule=options.camera_rule
            )
        )
    return drawn


def _lots(asked: protocol.Asked) -> list[tuple[str, str]]:
    """(name of a trial, what makes its draw its own)."""
    data_set = naming.data_set(asked.records.reference)
    names = [f"trial{number}" for number in range(1, lottery.TRIALS + 1)]
    return [(name, f"{data_set}/{name}") for name in names]


def _images_of_identities(
    asked: protocol.Asked, wanted: int
) -> dict[int, dict[str, int]]:
    """Identity -> {name of an image: camera}, of two images or more."""
    records = asked.records
    images: dict[int, dict[str, int]] = {}
    for i in np.flatnonzero(asked.taking_part):
        cameras = images.setdefault(int(records.person_ids[i]), {})
        cameras[asked.names[i]] = int(records.camera_ids[i])
    images = {person: names for person, names in images.items() if len(names) > 1}
    if len(images) < wanted:
        raise errors.UserError(
            f"{records.reference}: {len(images)} identities have two images or more, "
            f"trials need {wanted}"
        )
    return images


def _make(asked: protocol.Asked) -> tuple[list[trial_lib.Trial], str]:
    options = asked.options
    source = f"drawn by seed {options.trial_seed}"
    if options.gallery_images == 1 and options.camera_rule == trial_lib.NO_RULE:
        return one_pair_per_identity(asked), source
    source += f", {options.gallery_images or 'all'} gallery images each"
    return several_per_identity(asked), source


PROTOCOL = protocol.Protocol(
    _make,
    "ten trials, a probe and --gallery_images of each identity drawn by seed",
)
