"""Made-up sources whose archives are folders of named images."""

import itertools
import pathlib
from collections.abc import Iterator

import numpy as np

from data_builders.cuhk02 import facts as cuhk02_facts
from data_builders.dukemtmc_reid import facts as duke_facts
from data_builders.facts import DatasetFacts
from data_builders.market1501 import facts as market_facts
from experiments.benchmarks.rehearsal import packing

# The archive's own; the facts give the sum of junk and distractors only.
MARKET_JUNK = 3_819


def write_cuhk02(
    folder: pathlib.Path,
    size: packing.Size = packing.TINY,
    facts: DatasetFacts = cuhk02_facts.FACTS,
) -> pathlib.Path:
    """Writes `CUHK02.zip`: two images of each person in both cameras of a pair."""
    names = (
        f"Dataset/P{pair}/cam{camera}/{person:03d}_{index}.png"
        for pair, split in enumerate(facts.split_identities, start=1)
        for camera in (1, 2)
        for person in range(1, facts.split_identities[split] + 1)
        for index in (1, 2)
    )
    return packing.write_zip(folder / "CUHK02.zip", packing.images(names, size))


def write_dukemtmc_reid(
    folder: pathlib.Path,
    size: packing.Size = packing.TINY,
    facts: DatasetFacts = duke_facts.FACTS,
) -> pathlib.Path:
    """Writes `DukeMTMC-reID.zip`; those with a query are in the gallery too."""
    root = "DukeMTMC-reID"
    trained, tested = _halves(facts)

    def names():
        frame = itertools.count(1)
        for split, sub_folder, persons in (
            ("train", "bounding_box_train", trained),
            ("query", "query", tested[: facts.split_identities["query"]]),
            ("gallery", "bounding_box_test", tested),
        ):
            for person in _persons_of_images(facts.split_images[split], persons):
                number = next(frame)
                camera = 1 + number % 8
                yield f"{root}/{sub_folder}/{person:04d}_c{camera}_f{number:07d}.jpg"

    members = itertools.chain(
        [(f"{root}/LICENSE_DukeMTMC.txt", b"made up")], packing.images(names(), size)
    )
    return packing.write_zip(folder / f"{root}.zip", members)


def write_market1501(
    folder: pathlib.Path,
    size: packing.Size = packing.TINY,
    facts: DatasetFacts = market_facts.FACTS,
    junk: int = MARKET_JUNK,
) -> pathlib.Path:
    """Writes `Market-1501-v15.09.15.zip` with its junk, distractors and Thumbs.db."""
    root = "Market-1501-v15.09.15"
    trained, tested = _halves(facts)
    images = facts.split_images
    distractors = sum(images.values()) - facts.images - junk
    gallery = itertools.chain(
        itertools.repeat(market_facts.JUNK, junk),
        itertools.repeat(market_facts.DISTRACTOR, distractors),
        _persons_of_images(images["gallery"] - junk - distractors, tested),
    )

    def names():
        box = itertools.count(1)
        for sub_folder, persons in (
            ("bounding_box_train", _persons_of_images(images["train"], trained)),
            ("query", _persons_of_images(images["query"], tested)),
            ("bounding_box_test", gallery),
            ("gt_bbox", tested[:10]),  # not read
        ):
            for person in persons:
                number = next(box)
                who = "-1" if person == market_facts.JUNK else f"{person:04d}"
                where = f"c{1 + number % 6}s{1 + number % 3}_{number:06d}_01"
                yield f"{root}/{sub_folder}/{who}_{where}.jpg"

    thumbs = (
        (f"{root}/{sub_folder}/Thumbs.db", b"as in the original")
        for sub_folder in ("bounding_box_train", "bounding_box_test", "query")
    )
    members = itertools.chain(packing.images(names(), size), thumbs)
    return packing.write_zip(folder / f"{root}.zip", members)


def _halves(facts: DatasetFacts) -> tuple[range, range]:
    """The persons of the training half and of the other one."""
    first = facts.split_identities["train"] + 1
    return range(1, first), range(first, facts.identities + 1)


def _persons_of_images(images: int, persons: range) -> Iterator[int]:
    """The person of each image, person by person."""
    most = 2 * -(-images // len(persons))
    counts = packing.spread(images, len(persons), least=1, most=most)
    return iter(np.repeat(persons, counts).tolist())
