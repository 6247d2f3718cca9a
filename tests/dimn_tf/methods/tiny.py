"""A tiny encoder for tests of methods: no batch norm, a few hundred weights."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from dimn_tf import config, methods
from dimn_tf.data import batch_request, label_specification
from dimn_tf.encoders import encoder as encoder_lib
from dimn_tf.encoders import neck as neck_lib
from dimn_tf.training import fused_adam
from dimn_tf.training import options as training_options

HEIGHT, WIDTH, DIMENSION = 8, 4, 6
DOMAINS, CAMERAS = 3, 5


def encoder(
    seed: int = 0, dimension: int = DIMENSION, neck: bool = False
) -> encoder_lib.Encoder:
    keras.utils.set_random_seed(seed)
    images = keras.Input((HEIGHT, WIDTH, 3))
    features = keras.layers.Conv2D(dimension, 3, activation="relu", name="only")(images)
    made = neck_lib.Neck(name=neck_lib.NAME) if neck else None
    if made is not None:
        made.build((None, dimension))
    return encoder_lib.Encoder(keras.Model(images, features), neck=made)


def labels(num_identities: int) -> label_specification.LabelSpecification:
    """Identities of `DOMAINS` domains in turn, seen by `CAMERAS` cameras in all."""
    return label_specification.LabelSpecification(
        num_identities,
        DOMAINS,
        CAMERAS,
        np.arange(num_identities, dtype=np.int32) % DOMAINS,
    )


VARIANTS: dict[str, tuple[str, dict[str, object]]] = {
    "dimn_no_memory": ("dimn", {"memory_bank": False}),
    "dimn_ours": (
        "dimn",
        {"normalise_probes": True, "logit_scale": 14.0, "feature_triplet_weight": 1.0},
    ),
    "aggregation_triplet": ("aggregation", {"feature_triplet_weight": 1.0}),
    "pcb_refined": ("pcb", {"pcb_refined": True}),
    "ppa_linear": ("ppa", {"ppa_mapping": "linear"}),
    "reptile_fresh": ("reptile", {"reptile_head": "fresh"}),
    "reptile_identities": ("reptile", {"reptile_head": "identities"}),
    "mldg_first_order": ("mldg", {"mldg_second_order": False}),
    "crossgrad_small": ("crossgrad", {"crossgrad_domain_net": "small"}),
}
"""Methods with a flag that makes them train in another way: method and options."""

CASES = {
    **{name: name for name in methods.METHODS},
    **{name: method for name, (method, _) in VARIANTS.items()},
}
"""What does all that methods must do: each of them, and the variants."""

_FEW = {
    "ppa": {"ppa_mapping_steps": 1, "ppa_queries": 8},
    "pcb_refined": {"pcb_refined_alone_share": 0.33, "pcb_refined_share": 0.33},
}
"""By method or case: what a run of a few steps needs to be other than its default."""

OWN_BATCH_NORM = ("crossgrad_small",)
"""Cases with a batch norm beside the encoder: each replica takes its own statistics."""

DIMENSIONS = {"pcb_refined": 16}
"""By case: the encoder's channels where `DIMENSION` will not do."""


def every_image(num_identities: int):
    """Two images of each identity, as a run gives them to a phase that begins."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(num_identities), 2)
    for rows in (labels[:7], labels[7:]):
        images = rng.uniform(0, 255, (len(rows), HEIGHT, WIDTH, 3))
        yield tf.constant(images, tf.float32), rows


def request(name: str, options, identities: int = 4) -> batch_request.BatchRequest:
    """What the method of a case asks for, of the domains of `labels`."""
    kind = methods.METHODS[CASES[name]]
    values = {"sources": [f"source{i}" for i in range(DOMAINS)], **kind.defaults}
    data = config.read(training_options.DataOptions, values)
    data = dataclasses.replace(data, identities_per_batch=identities)
    return kind.batch_request(data, kind.Options(**options))


def options_of(name: str, few=_FEW) -> dict[str, object]:
    """Options of a case: what it is, and what its runs need of `few`."""
    _, variant = VARIANTS.get(name, (name, {}))
    return {**few.get(CASES[name], {}), **few.get(name, {}), **variant}


def method(
    name: str,
    num_identities: int,
    seed: int = 0,
    rate: float = 0.01,
    identities: int = 4,
    neck: bool = False,
    **options,
):
    kind, options = methods.METHODS[CASES[name]], {**options_of(name), **options}
    of_images = encoder(seed, DIMENSIONS.get(name, DIMENSION), neck)
    made = kind(of_images, kind.Options(**options), seed)
    made.build_training(labels(num_identities), request(name, options, identities))
    optimizer = made.own_optimizer(100) or fused_adam.FusedAdam(rate, name="optimizer")
    made.compile(optimizer=optimizer, jit_compile=False)
    made.optimizer.build(made.trainable_variables)
    return made


def batch(labels, seed: int = 0, each: int = 2) -> dict[str, tf.Tensor]:
    """What a method's step gets: `each` images of each identity."""
    rng = np.random.default_rng(seed)
    shape = (each, len(labels), HEIGHT, WIDTH, 3)
    images = np.moveaxis(rng.uniform(0, 255, shape), 0, 1)
    return {
        "images": tf.constant(images, tf.float32),
        "labels": tf.constant(labels, tf.int32),
        "domains": tf.constant([label % DOMAINS for label in labels], tf.int32),
        "cameras": tf.constant(rng.integers(0, CAMERAS, (len(labels), each)), tf.int32),
    }


def batch_of(method, labels, seed: int = 0) -> dict[str, tf.Tensor]:
    """`batch`, with a first axis where the method asks for several batches a step."""
    request = method.request
    each = request.images_per_identity
    batches = [batch(labels, seed + 100 * i, each) for i in range(request.batches)]
    if request.batches == 1:
        return batches[0]
    return {name: tf.stack([b[name] for b in batches]) for name in batches[0]}


def view(batch, k: int) -> tf.Tensor:
    """The k-th image of each identity: of two, the gallery's and the probe's."""
    return batch["images"][:, k]
