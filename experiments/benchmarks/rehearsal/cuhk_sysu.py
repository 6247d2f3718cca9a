"""Made-up CUHK-SYSU: frames, and `Person.mat` that says who is where in them."""

import io
import itertools
import pathlib

import numpy as np
import scipy.io

from data_builders.cuhk_sysu.facts import FACTS
from data_builders.facts import DatasetFacts
from experiments.benchmarks.rehearsal import packing

FRAMES = 18_184
_MOST_APPEARANCES = 12  # of a person
_SCENE = [("imname", object), ("idlocate", object), ("ishard", object)]
_PERSON = [("idname", object), ("nAppear", object), ("scene", object)]


def write(
    folder: pathlib.Path,
    size: packing.Size = packing.TINY,
    facts: DatasetFacts = FACTS,
    frames: int = FRAMES,
) -> pathlib.Path:
    """Writes `CUHK-SYSU.zip`; some boxes leave their frame at a side.

    Args:
        folder: where to.
        size: of the persons; frames are twice as high and six times as wide.
        facts: persons, and images of them.
        frames: at least one person is in each.
    """
    frame_size = packing.Size(2 * size.height, 6 * size.width)
    names = [f"CUHK-SYSU/Image/SSM/s{number}.jpg" for number in range(1, frames + 1)]
    annotation = _annotation(facts, frames, size, frame_size)
    members = itertools.chain(
        packing.images(names, frame_size),
        [("CUHK-SYSU/annotation/Person.mat", annotation)],
    )
    return packing.write_zip(folder / "CUHK-SYSU.zip", members)


def _annotation(
    facts: DatasetFacts, frames: int, size: packing.Size, frame_size: packing.Size
) -> bytes:
    """Content of `Person.mat`: a struct array with a struct array in each."""
    rng = np.random.default_rng(0)
    counts = packing.spread(facts.images, facts.identities, 1, _MOST_APPEARANCES)
    # All frames once, then any of them.
    rest = rng.integers(frames, size=facts.images - frames)
    places = rng.permutation(np.concatenate([np.arange(frames), rest])) + 1
    half = size.width // 2
    left = rng.integers(-half, frame_size.width - half, size=facts.images)
    top = rng.integers(0, frame_size.height - size.height + 1, size=facts.images)
    persons = np.zeros((1, facts.identities), dtype=_PERSON)
    start = 0
    for index, count in enumerate(counts):
        scenes = np.zeros((1, count), dtype=_SCENE)
        for column in range(count):
            k = start + column
            box = np.array([[left[k], top[k], size.width, size.height]], np.float64)
            scenes[0, column] = (f"s{places[k]}.jpg", box, 0.0)
        persons[0, index] = (f"p{index + 1}", float(count), scenes)
        start += count
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"Person": persons}, do_compression=True)
    return buffer.getvalue()
