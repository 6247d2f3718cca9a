"""Made-up networks, methods and exports for the tests of export and gallery."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from dimn_tf import encoders, methods
from dimn_tf.data import batch_request, label_specification
from dimn_tf.encoders import backbone as backbone_lib
from dimn_tf.encoders import encoder as encoder_lib
from dimn_tf.encoders import fused_batch_norm
from dimn_tf.export import exporter
from dimn_tf.methods import aggregation
from tests.dimn_tf.methods import tiny as cases

HEIGHT, WIDTH, C = 64, 32, 50
SHA256 = "ab" * 32
TINY = 6
"""D of the tiny encoder."""
STRIDE = 8
"""Pixels a place of its feature map."""


def shake(model: keras.Model, seed: int = 0) -> None:
    """Gives batch norms weights as training leaves them: no statistic at its start."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            size = layer.moving_mean.shape[0]
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, size),
                    rng.normal(0, 0.2, size),
                    rng.normal(0, 0.2, size),
                    rng.uniform(0.5, 2.0, size),
                ]
            )


def tiny_backbone(
    height,
    width,
    width_multiplier=1.0,
    weights=None,
    batch_norm_momentum=0.9,
    channels=TINY,
    **_,
) -> keras.Model:
    """What a backbone's `build` gives, in two convolutions, with all that is folded."""
    images = keras.Input((height, width, 3))
    hidden = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(images)
    hidden = keras.layers.Conv2D(8, 3, strides=2, use_bias=False, name="first")(hidden)
    norm = fused_batch_norm.FusedBatchNormalization
    hidden = norm(momentum=batch_norm_momentum, name="first_norm")(hidden)
    hidden = keras.layers.ReLU(name="relu")(hidden)
    hidden = keras.layers.Conv2D(channels, 5, strides=4, padding="same", name="last")(
        hidden
    )
    norm = norm(momentum=batch_norm_momentum, name="last_norm")
    return keras.Model(images, norm(hidden))


BACKBONE = backbone_lib.Backbone(
    tiny_backbone, backbone_lib.minus_one_to_one, (STRIDE,)
)


def encoder(tiny: bool = False, channels: int = TINY, **norms) -> encoder_lib.Encoder:
    """An encoder of random weights, and statistics of images.

    Without those, the features of all images are the same.
    """
    keras.utils.set_random_seed(0)
    if tiny:
        made = encoder_lib.Encoder(
            tiny_backbone(HEIGHT, WIDTH, batch_norm_momentum=0, channels=channels)
        )
    else:
        made = encoders.build_encoder(
            "mobilenet_v2", HEIGHT, WIDTH, 0.35, batch_norm_momentum=0.0, **norms
        )
    shake(made.backbone)
    made(exporter.made_up_images(16, HEIGHT, WIDTH, seed=5)[0], training=True)
    return made


class Halves(aggregation.Aggregation):
    """A method that matches by another vector than the encoder's, of 5 numbers.

    The upper and the lower half of the feature map, mapped: nothing of it is the
    encoder's pooled feature of `TINY` numbers.
    """

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        self.mapping = keras.layers.Dense(5, name="mapping")
        self.mapping.build((None, 2 * encoder.feature_dimension))

    @property
    def representation_dimension(self):
        return 5

    @property
    def inner_product_scale(self):
        return 3.0

    @property
    def matching_layers(self):
        return (self.mapping,)

    def embed(self, images):
        maps = self.encoder.feature_maps(images)
        half = maps.shape[1] // 2
        parts = [
            tf.reduce_mean(m, axis=(1, 2)) for m in (maps[:, :half], maps[:, half:])
        ]
        return tf.concat(parts, axis=-1)

    def probe_representation(self, features):
        return self.mapping(features)

    def gallery_representation(self, features):
        return -self.mapping(features)

    def score(self, probes, gallery):
        return 3.0 * tf.matmul(probes, gallery, transpose_b=True)


class Cosine(aggregation.Aggregation):
    """The baseline by cosines, ten times, which are sums over places."""

    has_score_maps = True

    @property
    def inner_product_scale(self):
        return 10.0

    def probe_representation(self, features):
        return tf.math.l2_normalize(features, axis=-1)

    gallery_representation = probe_representation

    def score(self, probes, gallery):
        return 10.0 * tf.matmul(probes, gallery, transpose_b=True)

    def score_maps(self, probe_maps, gallery_maps):
        probes, gallery = (
            self.probe_representation(tf.reduce_mean(maps, axis=(1, 2)))
            for maps in (probe_maps, gallery_maps)
        )
        return (
            self.probe_score_maps(probe_maps, gallery),
            self.probe_score_maps(gallery_maps, probes),
        )

    def probe_score_maps(self, probe_maps, classifiers):
        lengths = tf.norm(tf.reduce_mean(probe_maps, axis=(1, 2)), axis=-1)
        places = probe_maps.shape[1] * probe_maps.shape[2]
        products = tf.reduce_sum(probe_maps * classifiers[:, None, None], axis=-1)
        return 10.0 * products / lengths[:, None, None] / places


_MADE_UP = {"halves": Halves, "cosine": Cosine}


def method(
    name: str, tiny: bool = False, own: dict | None = None, **norms
) -> methods.Method:
    """The method of a case (or of `_MADE_UP`), as if it were trained.

    `own` are options of the method, `norms` are `encoders.build_encoder`'s.
    """
    kind = _MADE_UP.get(name) or methods.METHODS[cases.CASES[name]]
    options = {"logit_scale": 2.0} if name == "dimn" else {}
    if name in cases.VARIANTS:
        options.update(cases.VARIANTS[name][1])
    options.update(own or {})
    channels = cases.DIMENSIONS.get(name, TINY)
    made = kind(
        encoder(tiny, channels, **norms),
        kind.Options(**options),
        seed=0,
    )
    # What only training needs is there, so that tests see it left out.
    made.build_training(
        label_specification.LabelSpecification(C, 1, 1, np.zeros(C, np.int32)),
        batch_request.BatchRequest(4),
    )
    for layer in made.matching_layers:
        rng = np.random.default_rng(1)
        layer.kernel.assign_add(rng.normal(0, 0.01, layer.kernel.shape))
    if name == "pcb_refined":
        made.soft_parts.begun.assign(1.0)
    return made


def export(made: methods.Method, folder, **changes):
    """The version's folder of an export; `changes` are `exporter.export`'s."""
    given = {
        "metadata": {"method": "made up", "checkpoint_sha256": SHA256},
        "card": lambda metadata: f"card of version {metadata['version']}",
        "log": lambda line: None,
        **changes,
    }
    return exporter.export(made, folder, HEIGHT, WIDTH, **given)
