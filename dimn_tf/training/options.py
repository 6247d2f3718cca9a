"""Options of a training run that no single part owns."""

import dataclasses

from dimn_tf import config
from dimn_tf.data import batch_request

DECAYS = ("exponential", "cosine")
"""How a learning rate falls; see `schedule.decay`."""


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Which images are trained on, and how a batch is drawn (Algorithm 1)."""

    sources: tuple[str, ...] = config.option(
        ("cuhk02", "cuhk03", "dukemtmc_reid", "market1501", "cuhk_sysu"),
        "Source data sets, TFDS names; paper: all five.",
        holds=config.REFERENCES,
    )
    holdout_identities: int = config.option(
        0, "Identities of each source never trained on (for tuning); paper: 0.", least=0
    )
    identities_per_batch: int = config.option(
        32, "C_b, identities a batch; paper: 32.", least=2
    )
    images_per_identity: int = config.option(
        2, "K, images of each identity of a batch; paper: 2.", least=1
    )
    domain_sampling: str = config.option(
        "uniform",
        "A step's domains: one, each as often (uniform), or as often as it has "
        "identities (proportional) or images (by_images); or all of them, as they come "
        "(all) or each with its share (quota). Paper: one (Algorithm 1); uniform is "
        "ours.",
        choices=batch_request.DOMAIN_SAMPLING,
    )
    cross_camera_pairs: bool = config.option(
        False,
        "Whether an identity's images come from different cameras where it has them; "
        "ours. Paper: any two different images.",
    )
    hard_share: float = config.option(
        0.0,
        "Share of a batch's identities that come in groups which the classifier finds "
        "hard to tell apart: one drawn as all are, and the nearest ones of its domain; "
        "ours. Paper: none, 0.",
        least=0,
        most=1,
    )
    hard_group: int = config.option(4, "Identities of such a group; ours: 4.", least=2)
    hard_search_every: int = config.option(
        500,
        "Iterations between two searches for the nearest ones; batches have no groups "
        "before the first one. Ours: 500.",
        least=1,
    )
    image_height: int = config.option(
        256, "Pixels; ours: 256 (the paper does not say).", least=8
    )
    image_width: int = config.option(
        128, "Pixels; ours: 128 (the paper does not say).", least=8
    )


@dataclasses.dataclass(frozen=True)
class EncoderOptions:
    """The encoder g."""

    encoder: str = config.option("mobilenet_v2", "Backbone; paper: MobileNetV2.")
    encoder_width: float = config.option(
        1.4, "Width multiplier; paper: 1.4.", least=0.01
    )
    encoder_stride: int = config.option(
        0,
        "Pixels a place of the last feature map (MobileNetV2: 32, or 16, which is "
        "ours); 0, paper: as the backbone is published.",
        least=0,
    )
    instance_norm_through: str = config.option(
        "",
        "Last place of the encoder with an instance norm, of which MobileNetV2 has "
        "stem, block_0, ..., block_16; all places before it have one too. Ours; paper: "
        "none.",
    )
    feature_neck: bool = config.option(
        False,
        "Whether a batch norm without shift follows the pooling; classifiers and "
        "matching read what it gives. Ours; paper: no.",
    )
    frozen_through: str = config.option(
        "",
        "Last place of the encoder (named as those of instance norms) that is kept as "
        "it starts, with all before it: a step costs less. Ours; paper: none.",
    )
    mirror: bool = config.option(
        False,
        "Whether an image is matched by the mean of its own feature and its mirror "
        "image's, at twice the cost; training is the same. Ours; paper: no.",
    )
    encoder_weights: str = config.option(
        "imagenet",
        "`imagenet`, `none` (random start) or a .weights.h5 file of the stock Keras "
        "graph; ours: imagenet (the paper does not say).",
        holds=config.PATH,
    )
    init_from: str | None = config.option(
        None,
        "Work directory (or checkpoint, DIR/checkpoints/ckpt-N) of another run whose "
        "encoder, and other parts of the same name and shape, this one starts from; "
        "classifiers and memory too where it was trained on the same identities.",
        holds=config.PATH,
    )
    batch_norm_momentum: float = config.option(
        0.99,
        "Share of the old moving average kept each step; ours: 0.99 (Keras' "
        "MobileNetV2 has 0.999, with which short runs evaluate on stale statistics).",
        least=0,
        most=1,
    )


@dataclasses.dataclass(frozen=True)
class OptimiserOptions:
    """The optimiser and its schedule."""

    train_steps: int = config.option(180_000, "Iterations; paper: 180,000.", least=1)
    train_images: int = config.option(
        0,
        "Budget in images, each counted as often as it is seen, in place of "
        "--train_steps: so are methods of different batches compared. 0: off.",
        least=0,
    )
    learning_rate_start: float = config.option(
        3.5e-4, "Of Adam; paper: 3.5e-4.", least=1e-12
    )
    learning_rate_end: float = config.option(
        1e-4, "Reached after --train_steps; paper: 1e-4.", least=1e-12
    )
    learning_rate_decay: str = config.option(
        "exponential",
        "How the learning rate falls; paper: exponential; cosine is ours.",
        choices=DECAYS,
    )
    warmup_steps: int = config.option(
        0,
        "Iterations over which the learning rate rises to its schedule. Ours; paper: "
        "none.",
        least=0,
    )
    adam_epsilon: float = config.option(
        1e-7,
        "Of Adam; ours: Keras' 1e-7 (the paper does not say; TensorFlow 1 has 1e-8).",
        least=1e-12,
    )
    weight_decay: float = config.option(
        0.0, "Decoupled (AdamW), a step, times the learning rate; paper: none.", least=0
    )
    average_weights_from: float = config.option(
        1.0,
        "The run ends with the mean of its weights from this share of the steps on, "
        "and with batch statistics estimated anew; evaluations on the way take the "
        "step's own weights. 1, paper: no mean. Ours.",
        least=0,
        most=1,
    )
    precision: str = config.option(
        "float32",
        "Keras dtype policy; the softmax over C stays in float32 with all of them.",
        choices=("float32", "mixed_float16", "mixed_bfloat16"),
    )
    deterministic: bool = config.option(
        False, "Whether TensorFlow runs bit for bit repeatably, at some cost in speed."
    )
    seed: int = config.option(
        0,
        "Of sampling, augmentation and random starts; ours.",
        least=0,
        most=2147483647,
    )


@dataclasses.dataclass(frozen=True)
class ScheduleOptions:
    """How a run goes, reports and saves."""

    checkpoint_every: int = config.option(
        1000, "Iterations between checkpoints.", changes_result=False, least=1
    )
    keep_checkpoints: int = config.option(
        3, "Checkpoints kept, the newest ones.", changes_result=False, least=1
    )
    evaluate_every: int = config.option(
        0,
        "Iterations between evaluations; 0 evaluates at the end only.",
        changes_result=False,
        least=0,
    )
    log_every: int = config.option(
        100,
        "Iterations between rows of the training log and TensorBoard.",
        changes_result=False,
        least=1,
    )
    jit_compile: bool = config.option(
        False,
        "Whether XLA compiles the step (may help a GPU; 5 to 8 times slower on CPUs).",
    )
    steps_per_execution: int = config.option(
        1,
        "Steps that the device does between two returns to Python. One does: nothing "
        "is fetched in between, so that the host runs ahead of a GPU.",
        changes_result=False,
        least=1,
    )
    replicas: int = config.option(
        1,
        "Devices to train on, over all machines (TF_CONFIG names them); batch norm "
        "then uses each device's share of the batch.",
        least=1,
    )
