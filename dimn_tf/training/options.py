"""Options of a training run that no single part owns."""

import dataclasses

from dimn_tf import config


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Which images are trained on, and how a batch is drawn (Algorithm 1)."""

    sources: tuple[str, ...] = config.option(
        ("cuhk02", "cuhk03", "dukemtmc_reid", "market1501", "cuhk_sysu"),
        "Source data sets, TFDS names; paper: all five.",
    )
    holdout_identities: int = config.option(
        0, "Identities of each source never trained on (for tuning); paper: 0.", least=0
    )
    identities_per_batch: int = config.option(
        32, "C_b, identities a batch, two images each; paper: 32.", least=2
    )
    domain_sampling: str = config.option(
        "uniform",
        "How a step's domain is drawn: each alike, in proportion to its identities, "
        "or all domains at once. Paper: one domain (Algorithm 1); uniform is ours.",
        choices=("uniform", "proportional", "all"),
    )
    cross_camera_pairs: bool = config.option(
        False,
        "Whether gallery and probe image come from two cameras where the identity "
        "has two; ours. Paper: any two different images.",
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
    encoder_weights: str = config.option(
        "imagenet",
        "`imagenet`, `none` (random start) or a .weights.h5 file of the stock Keras "
        "graph; ours: imagenet (the paper does not say).",
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
    learning_rate_start: float = config.option(
        3.5e-4, "Of Adam; paper: 3.5e-4.", least=1e-12
    )
    learning_rate_end: float = config.option(
        1e-4, "Reached exponentially after --train_steps; paper: 1e-4.", least=1e-12
    )
    warmup_steps: int = config.option(
        0,
        "Iterations over which the learning rate rises to its schedule; paper: none. "
        "Ours, for random starts.",
        least=0,
    )
    weight_decay: float = config.option(
        0.0, "Decoupled (AdamW), a step, times the learning rate; paper: none.", least=0
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
    replicas: int = config.option(
        1,
        "Devices to train on (tf.distribute.MirroredStrategy); batch norm then uses "
        "each device's share of the batch.",
        least=1,
    )
