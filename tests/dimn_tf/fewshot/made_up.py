"""Made-up classes of small images, whose answer is known: stripes of two colours."""

import functools
import io
import json

import numpy as np
from PIL import Image

from dimn_tf.data import label_space, records
from dimn_tf.fewshot import class_space, recipe, row_files

SIZE = 16
CLASSES = {"train": 24, "val": 8, "test": 8}
IMAGES = 20


def _image(rng, colours, period, upright) -> bytes:
    """Stripes with a random phase, and noise on top."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    along = rows if upright else columns
    phase = rng.integers(period)
    stripes = ((along + phase) // max(period // 2, 1)) % 2
    pixels = colours[stripes] + rng.normal(0, 12, (SIZE, SIZE, 3))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@functools.cache
def space(split: str) -> label_space.LabelSpace:
    """The classes of a split; none is in another one."""
    rng = np.random.default_rng(list(CLASSES).index(split))
    encoded, labels = [], []
    for label in range(CLASSES[split]):
        colours = rng.uniform(0, 255, (2, 3))
        period, upright = int(rng.choice([2, 4, 8])), bool(rng.integers(2))
        for _ in range(IMAGES):
            encoded.append(_image(rng, colours, period, upright))
            labels.append(label)
    return label_space.LabelSpace.build(
        [records.in_memory(f"made_up/{split}", encoded, labels)]
    )


def install(monkeypatch) -> None:
    """Has every data set's splits be these."""
    monkeypatch.setattr(class_space, "load", lambda name, split, data_dir: space(split))


OPTIONS = {
    "ppa": {"ppa_mapping_steps": 4, "ppa_queries": 32},
    "maml": {"tasks": 2, "maml_inner_steps": 2, "maml_test_steps": 3},
    "reptile": {
        "tasks": 2,
        "reptile_inner_steps": 2,
        "reptile_train_shots": 4,
        "reptile_test_steps": 5,
    },
    "meta_lstm": {"lstm_updates": 2, "lstm_hidden": 4},
}
"""By method: what makes its step short."""


def recipe_of(method: str, **changes) -> recipe.FewShotRecipe:
    """The recipe of a run of 10 short steps."""
    values = {
        "method": method,
        "image_height": SIZE,
        "image_width": SIZE,
        "encoder_width": 0.125,
        "train_ways": 0,
        "train_queries": 3,
        "train_steps": 10,
        "checkpoint_every": 5,
        "log_every": 2,
        **OPTIONS.get(method, {}),
        **changes,
    }
    return recipe.from_values(values)


def figures(
    method, shots, accuracy=40.0, dataset="mini_imagenet/partial", **changes
) -> dict:
    """A row of Table 8, as its file holds it."""
    return {
        "method": method,
        "shots": shots,
        "ways": 5,
        "accuracy": accuracy,
        "interval": 0.5,
        "episodes": 1000,
        "filters": 64,
        "statistics": "moving",
        "encoder": "conv4",
        "train_batch": [1, 32, 2],
        "test_queries": 15,
        "images_a_class": [60, 60],
        "train_steps": 2500,
        "images_seen": 160_000,
        "flags": {"dataset": dataset},
        "images_sha256": {"train": "a", "val": "b", "test": "c"},
        "test_seconds": 90.0,
        "per_episode": [0.4] * 3,
        **changes,
    }


def write_row(folder, method, shots, **changes):
    """Writes `figures` as a row's file; returns its path."""
    path = row_files.path_of(folder, method, shots)
    path.write_text(json.dumps(figures(method, shots, **changes)))
    return path
