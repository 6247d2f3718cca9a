"""A run on made-up sources with a tiny encoder, in-process or as a killable script."""

import io
import os
import pathlib
import signal
import sys

import keras
import numpy as np
from PIL import Image

from dimn_tf.data import records
from dimn_tf.encoders import encoder, fused_batch_norm, weight_files
from dimn_tf.training import run, workdir
from experiments import flags

HEIGHT, WIDTH = 16, 8


def backbone(height, width, width_multiplier, weights, batch_norm_momentum, fused):
    del width_multiplier, fused
    images = keras.Input((height, width, 3))
    hidden = keras.layers.Conv2D(6, 3, strides=2)(images)
    hidden = fused_batch_norm.FusedBatchNormalization(momentum=batch_norm_momentum)(
        hidden
    )
    model = keras.Model(images, keras.layers.ReLU()(hidden))
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


def install() -> None:
    """Makes `tiny` an encoder and the made-up sources loadable by name."""
    encoder.BACKBONES["tiny"] = backbone
    made = {
        "cuhk02/partial": source("cuhk02/partial", 9, seed=1),
        "cuhk03/partial": source("cuhk03/partial", 7, seed=2),
    }
    records.load_records = lambda name, data_dir, splits=None: made[name]


def options(**changes) -> run.RunOptions:
    """Options of a run of 10 steps, with every kind of augmentation on."""
    values = {
        "method": "dimn",
        "sources": ["cuhk02/partial", "cuhk03/partial"],
        "encoder": "tiny",
        "encoder_weights": "none",
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
        "deterministic": True,
        **changes,
    }
    return flags.options_from(values)


def train(directory: pathlib.Path, log=print, **changes):
    """Trains, or goes on; returns the method."""
    install()
    prepared = run.prepare(
        options(**changes), workdir.WorkDir(directory), data_dir="", log=log
    )
    return run.train(prepared, log=log)


class KillAfter(keras.callbacks.Callback):
    """kill -9 of this process after a step."""

    def __init__(self, step: int):
        super().__init__()
        self._step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.step.numpy()) == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


def main(directory: str, kill_after: str, method: str) -> None:
    """Trains as a process of its own; writes all variables where it ends."""
    fit = keras.Model.fit

    def fit_and_die(self, *args, callbacks, **kwargs):
        return fit(
            self, *args, callbacks=[*callbacks, KillAfter(int(kill_after))], **kwargs
        )

    keras.Model.fit = fit_and_die
    trained = train(pathlib.Path(directory), method=method)
    optimiser = [v.numpy() for v in trained.optimizer.variables]
    np.savez(
        pathlib.Path(directory) / "variables.npz", *trained.get_weights(), *optimiser
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
