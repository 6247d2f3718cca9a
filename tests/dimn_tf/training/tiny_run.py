"""A run on made-up sources with a tiny encoder, whole or killed on the way."""

import functools
import io
import pathlib

import keras
import numpy as np
from PIL import Image
from tensorflow.python.framework import config as tensorflow_config

from dimn_tf.data import records
from dimn_tf.encoders import (
    backbone,
    encoder,
    fused_batch_norm,
    instance_norm_places,
    weight_files,
)
from dimn_tf.training import loop, recipe, run, workdir
from tests.dimn_tf.methods import tiny

HEIGHT, WIDTH = 16, 8


def network(
    height,
    width,
    width_multiplier,
    weights,
    batch_norm_momentum,
    fused,
    stride,
    channels=6,
    deep=False,
):
    del width_multiplier, fused, stride
    images = keras.Input((height, width, 3))
    hidden = keras.layers.Conv2D(channels, 3, strides=2, name="convolution")(images)
    hidden = fused_batch_norm.FusedBatchNormalization(
        momentum=batch_norm_momentum, name="norm"
    )(hidden)
    if deep:
        hidden = keras.layers.Conv2D(channels, 3, padding="same", name="more")(hidden)
    model = keras.Model(images, keras.layers.ReLU(name="relu")(hidden))
    if weights is not None:
        weight_files.load(model, weights)
    return model


def source(name: str, identities: int, seed: int) -> records.ReidRecords:
    """Three noise images of each identity, two cameras."""
    rng = np.random.default_rng(seed)
    count = 3 * identities
    encoded = []
    for _ in range(count):
        buffer = io.BytesIO()
        pixels = rng.integers(0, 256, (20, 10, 3), np.uint8)
        Image.fromarray(pixels).save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    return records.in_memory(
        name,
        encoded,
        np.repeat(np.arange(1, identities + 1), 3),
        np.tile([1, 1, 2], identities),
    )


def keep_globals(monkeypatch) -> None:
    """Has what `install` exchanges put back at the monkeypatch's end."""
    monkeypatch.setattr(records, "load_records", records.load_records)
    monkeypatch.setattr(encoder, "BACKBONES", dict(encoder.BACKBONES))


def install() -> None:
    """Makes encoders `tiny`... and the made-up sources loadable by name."""
    for name, changes in (
        ("tiny", {}),
        ("tiny_16", {"channels": 16}),
        ("tiny_deep", {"deep": True}),
    ):
        encoder.BACKBONES[name] = backbone.Backbone(
            functools.partial(network, **changes),
            backbone.minus_one_to_one,
            (2,),
            instance_norms={"stem": instance_norm_places.Place("norm", replaces=True)},
        )
    made = {
        "cuhk02/partial": source("cuhk02/partial", 9, seed=1),
        "cuhk03/partial": source("cuhk03/partial", 7, seed=2),
    }
    records.load_records = lambda name, data_dir, splits=None: made[name]


_TEN_STEPS = {
    "ppa": {"ppa_mapping_steps": 7, "ppa_queries": 8},
    "pcb_refined": {
        "pcb_refined_alone_share": 0.4,  # Steps 5 to 8: a kill at 7 is amid them.
        "pcb_refined_share": 0.2,
        "encoder": "tiny_16",
    },
}
"""As `tests.dimn_tf.methods.tiny` has it: what a run of 10 steps needs of its own."""


def recipe_of(method: str = "dimn", **changes) -> recipe.Recipe:
    """The recipe of a case's run of 10 steps, with every kind of augmentation on."""
    values = {
        "method": tiny.CASES[method],
        "sources": ["cuhk02/partial", "cuhk03/partial"],
        "encoder": "tiny",
        "encoder_weights": "none",
        "encoder_stride": 0,
        "image_height": HEIGHT,
        "image_width": WIDTH,
        "identities_per_batch": 4,
        "train_steps": 10,
        "checkpoint_every": 5,
        "log_every": 2,
        "augment_crop_padding": 0.1,
        "augment_saturation": 0.3,
        "augment_erasing": 0.5,
        "weight_decay": 0.01,
        **tiny.options_of(method, _TEN_STEPS),
        **changes,
    }
    return recipe.from_values(values)


def train(directory: pathlib.Path, log=print, **changes):
    """Trains, or goes on; returns the method."""
    install()
    prepared = run.prepare(
        recipe_of(**changes), workdir.WorkDir(directory), data_dir="", log=log
    )
    return run.train(prepared, log=log)


class Killed(BaseException):
    """Ends a run as a kill does: nobody tidies up after it."""


def train_until(directory: pathlib.Path, step: int, **changes) -> None:
    """Trains, and is killed after a step, which may be between two checkpoints."""

    class Kill(loop.Hook):
        every = 1

        def look(self, look):
            if look.step == step:
                raise Killed

    whole = run._writing_hooks

    def hooks(*args):
        return [*whole(*args), Kill()]

    run._writing_hooks = hooks
    try:
        train(directory, log=lambda line: None, **changes)
    except Killed:
        return
    finally:
        run._writing_hooks = whole
    raise AssertionError(f"the run ended before step {step}")


def same_when_killed(folder: pathlib.Path, **changes):
    """A whole run; one that is killed and goes on has to end with the same bits.

    Returns:
        The method of the whole one, in `folder / "whole"`.
    """
    tensorflow_config.enable_op_determinism()
    try:
        whole = train(folder / "whole", log=lambda line: None, **changes)
        train_until(folder / "killed", 7, **changes)
        resumed = train(folder / "killed", log=lambda line: None, **changes)
    finally:
        tensorflow_config.disable_op_determinism()
    expected, found = variables(whole), variables(resumed)
    assert expected.keys() == found.keys()
    for path, value in expected.items():
        np.testing.assert_array_equal(value, found[path], err_msg=path)
    return whole


def variables(method) -> dict[str, np.ndarray]:
    """All that training moves, by name."""
    held = [*method.variables, *method.optimizer.variables]
    return {variable.path: variable.numpy() for variable in held}
