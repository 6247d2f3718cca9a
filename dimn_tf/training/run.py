"""A run: from options to a trained method in a work directory."""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from dimn_tf import config, encoders, errors, methods
from dimn_tf.data import augmentation as augmentations
from dimn_tf.data import (
    batch_request,
    holdout,
    label_space,
    pipeline,
    records,
    sampler,
)
from dimn_tf.encoders import weight_files
from dimn_tf.training import callbacks, checkpoints, fused_adam, schedule, workdir
from dimn_tf.training import options as options_lib

# Ours: the first loss scale in mixed_float16. The losses are sums over the batch, so
# Keras' 2^15 would overflow and skip the first steps.
FLOAT16_LOSS_SCALE = 2.0**8


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Every option of a run; see the parts for their fields.

    Attributes:
        method: Key of `methods.METHODS`.
        method_options: An instance of that method's `Options`.
    """

    method: str
    method_options: Any
    data: options_lib.DataOptions = options_lib.DataOptions()
    augmentation: augmentations.Augmentation = augmentations.Augmentation()
    encoder: options_lib.EncoderOptions = options_lib.EncoderOptions()
    optimiser: options_lib.OptimiserOptions = options_lib.OptimiserOptions()
    plan: options_lib.ScheduleOptions = options_lib.ScheduleOptions()

    def __post_init__(self):
        for prefix, groups in self.parts().items():
            for group in groups:
                config.check(group, prefix)

    def parts(self) -> dict[str, Any]:
        """The option groups by the prefix of their flags."""
        return {
            "": (
                self.data,
                self.encoder,
                self.optimiser,
                self.plan,
                self.method_options,
            ),
            "augment_": (self.augmentation,),
        }

    def recorded(self) -> dict[str, Any]:
        """The values that change the result, by flag name."""
        values = {"method": self.method}
        for prefix, groups in self.parts().items():
            for group in groups:
                for field in dataclasses.fields(group):
                    if field.metadata["changes_result"]:
                        values[prefix + field.name] = getattr(group, field.name)
        weights = self.encoder.encoder_weights
        if weights not in ("none", "imagenet"):
            # The file's content counts, not its place.
            values["encoder_weights"] = weight_files.fingerprint(weights)
        return values


def build_label_space(
    run_options: RunOptions, data_dir: str, log: Callable[[str], None] = print
) -> label_space.LabelSpace:
    """Joins the sources into one label space, prints it and checks it.

    Args:
        run_options: Sources, held-out identities, seed.
        data_dir: Where the built data sets are.
        log: Prints the table.
    """
    data = run_options.data
    space = label_space.LabelSpace.build(
        [records.load_records(name, data_dir) for name in data.sources],
        holdout_identities=data.holdout_identities,
        seed=run_options.optimiser.seed,
    )
    log(space.table())
    log(space.check_complete())
    return space


def build_method(
    run_options: RunOptions, num_identities: int, restored: bool = False
) -> methods.Method:
    """Makes a method, compiled, with its optimiser's variables.

    Call it under `strategy.scope()` to train on several devices.

    Args:
        run_options: The run's options.
        num_identities: C.
        restored: Whether a checkpoint gives the weights, so that the encoder's need
            not be there any more.
    """
    seed = run_options.optimiser.seed
    keras.utils.set_random_seed(seed)
    keras.mixed_precision.set_dtype_policy(run_options.optimiser.precision)
    data, encoder_options = run_options.data, run_options.encoder
    encoder = encoders.build_encoder(
        encoder_options.encoder,
        height=data.image_height,
        width=data.image_width,
        width_multiplier=encoder_options.encoder_width,
        weights="none" if restored else encoder_options.encoder_weights,
        batch_norm_momentum=encoder_options.batch_norm_momentum,
    )
    method = methods.METHODS[run_options.method](
        encoder, num_identities, run_options.method_options, seed=seed
    )
    rate = run_options.optimiser
    optimizer = fused_adam.FusedAdam(
        schedule.exponential_decay(
            rate.learning_rate_start,
            rate.learning_rate_end,
            rate.train_steps,
            rate.warmup_steps,
        ),
        weight_decay=rate.weight_decay or None,
    )
    if rate.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, FLOAT16_LOSS_SCALE)
    method.compile(
        optimizer=optimizer,
        jit_compile=run_options.plan.jit_compile,
    )
    method.optimizer.build(method.trainable_variables)
    return method


def restore_method(
    run_options: RunOptions, num_identities: int, directory: workdir.WorkDir
) -> tuple[methods.Method, int]:
    """A method with the weights of a work directory's newest checkpoint.

    Returns:
        The method and its step.

    Raises:
        errors.UserError: there is no checkpoint.
    """
    method = build_method(run_options, num_identities, restored=True)
    step = checkpoints.Checkpoints(directory.checkpoints, method).restore()
    if step == 0:
        raise errors.UserError(
            f"{directory.checkpoints}: no checkpoint. Train first: "
            f"python -m experiments.train --workdir={directory.root} ..."
        )
    return method, step


def in_float32(method: methods.Method, run_options: RunOptions) -> methods.Method:
    """The method computed in float32, with the weights of one in mixed precision.

    Its variables are float32 either way; a server, and the formats of an export, get
    the same numbers on every machine so. A method in float32 is given back as it is.
    """
    if run_options.optimiser.precision == "float32":
        return method
    optimiser = dataclasses.replace(run_options.optimiser, precision="float32")
    whole = build_method(
        dataclasses.replace(run_options, optimiser=optimiser),
        method.num_identities,
        restored=True,
    )
    whole.set_weights(method.get_weights())
    return whole


def strategy_of(replicas: int) -> tf.distribute.Strategy:
    """The strategy that trains on the first `replicas` devices of this machine.

    Raises:
        errors.UserError: there are fewer devices.
    """
    if replicas == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = tf.config.list_logical_devices(kind)
    if len(devices) < replicas:
        raise errors.UserError(
            f"--replicas={replicas}: this machine has {len(devices)} {kind} device(s)."
        )
    return tf.distribute.MirroredStrategy([d.name for d in devices[:replicas]])


def _sha256(space: label_space.LabelSpace) -> str:
    """Hash of which image files are trained on, of which identity and camera."""
    digest = hashlib.sha256()
    for domain in space.domains:
        digest.update(domain.reference.encode())
        names = domain.records.file_names[domain.image_indices]
        for column in (domain.labels, domain.cameras, names):
            digest.update("\0".join(map(str, column.tolist())).encode())
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class PreparedRun:
    """A run whose data and work directory are known to fit.

    Attributes:
        options: The run's options.
        directory: Its work directory, claimed.
        space: Its sources' identities.
        sampling: How a batch is drawn.
    """

    options: RunOptions
    directory: workdir.WorkDir
    space: label_space.LabelSpace
    sampling: sampler.IdentitySampler


def prepare(
    run_options: RunOptions,
    directory: workdir.WorkDir,
    data_dir: str,
    log: Callable[[str], None] = print,
) -> PreparedRun:
    """Lays the label space, and claims the work directory for the run.

    Args:
        run_options: The run's options.
        directory: Work directory, new or of the same run.
        data_dir: Where the built data sets are.
        log: Prints the sources' table.

    Raises:
        errors.UserError: options that do not fit each other, the data or the work
            directory.
    """
    batch, replicas = run_options.data.identities_per_batch, run_options.plan.replicas
    if batch % replicas:
        raise errors.UserError(
            f"--identities_per_batch={batch} cannot be shared by "
            f"--replicas={replicas}: choose a multiple."
        )
    space = build_label_space(run_options, data_dir, log)
    request = batch_request.BatchRequest(
        identities=batch,
        domain_sampling=run_options.data.domain_sampling,
        cross_camera=run_options.data.cross_camera_pairs,
    )
    sampling = sampler.IdentitySampler(space, request, run_options.optimiser.seed)
    workdir.claim(
        directory,
        run_options.recorded(),
        {"num_identities": space.num_identities, "sources_sha256": _sha256(space)},
    )
    holdout.save(directory.holdout, space.holdout)
    return PreparedRun(run_options, directory, space, sampling)


def train(
    prepared: PreparedRun,
    evaluate: Callable[[methods.Method, int], None] | None = None,
    log: Callable[[str], None] = print,
) -> methods.Method:
    """Trains a method, or goes on with it where the work directory stopped.

    Keras' `fit` drives the step; the callbacks of `callbacks` do what Keras' own
    cannot (see there).

    Args:
        prepared: See `prepare`.
        evaluate: Called with the method and the step every --evaluate_every steps.
        log: Prints a line.

    Returns:
        The trained method.

    Raises:
        errors.UserError: a checkpoint that does not fit, or a loss that is not
            finite.
    """
    run_options, directory = prepared.options, prepared.directory
    data, plan = run_options.data, run_options.plan
    if run_options.optimiser.deterministic:
        tf.config.experimental.enable_op_determinism()
    resumed = bool(checkpoints.whole_steps(directory.checkpoints))
    with strategy_of(plan.replicas).scope():
        method = build_method(run_options, prepared.space.num_identities, resumed)
    kept = checkpoints.Checkpoints(directory.checkpoints, method, plan.keep_checkpoints)
    start, end = kept.restore(), run_options.optimiser.train_steps
    kept.remove_leftovers()
    if start >= end:
        log(f"{directory.root}: trained already, {start:,} of {end:,} steps.")
        return method
    if start:
        log(f"Going on from {kept.latest} (step {start:,} of {end:,}).")
    dataset = pipeline.training_dataset(
        prepared.space,
        prepared.sampling,
        pipeline.PipelineOptions(
            height=data.image_height,
            width=data.image_width,
        ),
        start,
        end,
    )

    def pairs(batch):
        images = augmentations.augment(
            batch["images"], batch["draws"], run_options.augmentation
        )
        return {
            "gallery": images[:, 0],
            "probe": images[:, 1],
            "labels": batch["labels"],
        }

    dataset = dataset.map(pairs).prefetch(1)
    images = prepared.sampling.request.images
    log(
        f"Training {run_options.method} on {prepared.space.num_identities:,} "
        f"identities, {images} images a step, {method.count_params():,} parameters."
    )
    hooks = [
        callbacks.StopOnNonFinite(kept),
        callbacks.Progress(end, images, log=log),
        callbacks.TrainingLog(
            directory.training_log, directory.tensorboard, plan.log_every, images
        ),
        checkpoints.SaveCheckpoints(kept, plan.checkpoint_every),
    ]
    if evaluate is not None and plan.evaluate_every:
        hooks.append(
            callbacks.Evaluate(
                lambda step: evaluate(method, step),
                lambda step: directory.results_at(step).is_file(),
                plan.evaluate_every,
                end,
            )
        )
    method.fit(
        dataset, steps_per_epoch=end - start, shuffle=False, verbose=0, callbacks=hooks
    )
    return method
