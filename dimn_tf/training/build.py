"""From a recipe to a method: for training, or for inference alone."""

import contextlib
import random
from collections.abc import Iterator, MutableMapping
from typing import Any

import keras
import tensorflow as tf

from dimn_tf import encoders, errors, methods
from dimn_tf.data import label_specification
from dimn_tf.training import (
    checkpoints,
    fused_adam,
    hard_search,
    loss_scale,
    schedule,
    weight_average,
    workdir,
)
from dimn_tf.training import recipe as recipes

# Ours: the first loss scale in mixed_float16. The losses are sums over the batch, so
# Keras' 2^15 would overflow and skip the first steps.
FLOAT16_LOSS_SCALE = 2.0**8


def for_training(
    recipe: recipes.Recipe,
    labels: label_specification.LabelSpecification,
    restored: bool = False,
) -> methods.Method:
    """A method with all its parts, compiled, with its optimiser's variables.

    Call it under `strategy.scope()` to train on several devices.

    Args:
        recipe: The run's options.
        labels: What is trained on.
        restored: Whether a checkpoint gives the weights, so that the encoder's need
            not be there any more.

    Raises:
        errors.UserError: stages that start at random would be kept so.
    """
    _refuse_frozen_at_random(recipe)
    start = recipe.encoder
    with _settings(recipe.optimiser.seed, recipe.optimiser.precision):
        # --init_from gives the whole encoder: ImageNet's need not be had for it.
        method = _inference_parts(recipe, restored or bool(start.init_from))
        method.build_training(labels, recipe.batch_request)
        rate = recipe.optimiser
        optimizer = method.own_optimizer(recipe.train_steps) or fused_adam.FusedAdam(
            _learning_rate(recipe),
            epsilon=rate.adam_epsilon,
            weight_decay=rate.weight_decay or None,
            name="optimizer",
        )
        adam = optimizer
        if rate.precision == "mixed_float16":
            optimizer = loss_scale.SharedLossScale(
                optimizer, FLOAT16_LOSS_SCALE, name="loss_scale"
            )
        method.compile(optimizer=optimizer, jit_compile=recipe.plan.jit_compile)
        method.optimizer.build(method.trainable_variables)
        _count_steps(adam, method, recipe.train_steps)
    return method


def refuse_untrainable(
    recipe: recipes.Recipe,
    untrained: MutableMapping[str, encoders.Encoder] | None = None,
) -> None:
    """Refuses options that a training would, before its hours; loads no weights.

    Args:
        recipe: The run's options.
        untrained: Encoders that were made for this, by their options; the recipe's is
            taken from these or put there, so that many recipes share one.

    Raises:
        errors.UserError: replicas, frozen stages, groups that are alike, a learning
            rate's course, an encoder, a method's options, phases or a mean of the
            weights that cannot be.
    """
    recipe.kind.refuse_replicas(recipe.batch_request, recipe.data, recipe.plan.replicas)
    _refuse_frozen_at_random(recipe)
    hard_search.refuse_unclassified(recipe)
    _learning_rate(recipe)
    untrained = {} if untrained is None else untrained
    options = _encoder_options(recipe, restored=True)
    with _settings(recipe.optimiser.seed, "float32"):
        asked = repr(options)
        if asked not in untrained:
            untrained[asked] = encoders.build_encoder(**options)
        method = recipe.kind(untrained[asked], recipe.method_options)
    phases = method.phases(recipe.train_steps)
    weight_average.refuse_phases(recipe, method, len(phases))


def _refuse_frozen_at_random(recipe: recipes.Recipe) -> None:
    start = recipe.encoder
    at_random = start.encoder_weights == "none" and not start.init_from
    if start.frozen_through and at_random:
        raise errors.UserError(
            f"--frozen_through={start.frozen_through}: with --encoder_weights=none "
            "these stages would stay random. Leave the flag out, or start from trained "
            "weights (--encoder_weights, --init_from)."
        )


def _learning_rate(
    recipe: recipes.Recipe,
) -> keras.optimizers.schedules.LearningRateSchedule:
    """By step of the run."""
    rate = recipe.optimiser
    return schedule.decay(
        rate.learning_rate_decay,
        rate.learning_rate_start,
        rate.learning_rate_end,
        recipe.kind.learning_rate_stretches(recipe.train_steps, recipe.method_options),
        rate.warmup_steps,
    )


def _count_steps(optimizer, method: methods.Method, train_steps: int) -> None:
    """Has Adam count its steps on a variable from the phase that first trains it."""
    first = 0
    for phase in method.phases(train_steps):
        for variable in phase.first_trained:
            optimizer.count_from(variable, first)
        first += phase.steps


def for_inference(recipe: recipes.Recipe, restored: bool = True) -> methods.Method:
    """A method for evaluation and export: neither optimiser nor f_theta nor W.

    It computes in float32 whatever it was trained in, so that a server and the formats
    of an export get the same numbers on every machine; a method's variables are
    float32 either way.

    Args:
        recipe: The run's options.
        restored: Whether weights are put into it afterwards; else it is the run's
            untrained start.
    """
    with _settings(recipe.optimiser.seed, "float32"):
        method = _inference_parts(recipe, restored)
    method.mirror = recipe.encoder.mirror
    return method


def for_inference_of(method: methods.Method, recipe: recipes.Recipe) -> methods.Method:
    """A method for inference with the weights that another one has now."""
    made = for_inference(recipe)
    take_over(method, made)
    return made


def take_over(method: methods.Method, made: methods.Method) -> None:
    """Gives a method for inference the weights that another one has now."""
    sources = checkpoints.by_name(method.inference_variables)
    for name, variable in checkpoints.by_name(made.inference_variables).items():
        variable.assign(tf.convert_to_tensor(sources[name].value))


def restored(
    recipe: recipes.Recipe, directory: workdir.WorkDir
) -> tuple[methods.Method, int]:
    """A method for inference with the weights of a run's newest checkpoint.

    Returns:
        The method and its step.

    Raises:
        errors.UserError: there is no checkpoint, or it does not fit.
    """
    method = for_inference(recipe)
    step = checkpoints.restore_inference(directory.checkpoints, method)
    if step == 0:
        raise errors.UserError(
            f"{directory.checkpoints}: no checkpoint. Train first: "
            f"python -m experiments.train --workdir={directory.root} ..."
        )
    return method, step


def _inference_parts(recipe: recipes.Recipe, restored: bool) -> methods.Method:
    encoder = encoders.build_encoder(**_encoder_options(recipe, restored))
    return recipe.kind(encoder, recipe.method_options, seed=recipe.optimiser.seed)


def _encoder_options(recipe: recipes.Recipe, restored: bool) -> dict[str, Any]:
    """What `encoders.build_encoder` is asked for."""
    data, options = recipe.data, recipe.encoder
    return {
        "name": options.encoder,
        "height": data.image_height,
        "width": data.image_width,
        "width_multiplier": options.encoder_width,
        "weights": "none" if restored else options.encoder_weights,
        "batch_norm_momentum": options.batch_norm_momentum,
        "stride": options.encoder_stride,
        "instance_norm_through": options.instance_norm_through,
        "neck": options.feature_neck,
        "frozen_through": options.frozen_through,
    }


@contextlib.contextmanager
def _settings(seed: int, precision: str) -> Iterator[None]:
    """What Keras takes from the process, set within a block and put back after it.

    Keras' initialisers draw their seeds from Python's `random` where they have none.
    """
    state, policy = random.getstate(), keras.config.dtype_policy()
    random.seed(seed)
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        random.setstate(state)
