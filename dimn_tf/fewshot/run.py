"""A few-shot run: trained on some classes, chosen on others, tested on the last."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dimn_tf import errors
from dimn_tf.evaluation import results
from dimn_tf.fewshot import class_space, episodes, evaluation, options, selection
from dimn_tf.fewshot import recipe as recipes
from dimn_tf.training import build, loss_curves, run, workdir


def train_and_test(
    recipe: recipes.FewShotRecipe,
    test: options.TestOptions,
    directory: workdir.WorkDir,
    data_dir: str,
    log: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Trains, or goes on; takes the step that validation chooses, and tests it.

    Validation is every --evaluate_every steps (0: at the end alone) and at the end.

    Args:
        recipe: The run's options.
        test: How it is validated and tested.
        directory: Work directory, new or of the same run.
        data_dir: Where the data set is built.
        log: Prints a line.

    Returns:
        The figures, as results.json holds them.

    Raises:
        errors.UserError: options that do not fit each other, the data or the work
            directory.
    """
    held = {
        split: class_space.load(recipe.data.dataset, split, data_dir)
        for split in class_space.SPLITS
    }
    request = recipe.batch_request
    class_space.refuse_small_classes(
        held["train"], request.images_per_identity, "a training step's of a class"
    )
    options_of_test = recipe.method_options
    drawn = {
        split: episodes.Episodes(
            held[split],
            options_of_test.ways,
            options_of_test.shots,
            test.test_queries,
            test.episode_seed,
        )
        for split in ("val", "test")
    }
    size = recipe.data.image_height, recipe.data.image_width
    images = {split: class_space.images_of(held[split], *size, log) for split in drawn}
    _refuse_statistics(recipe, test.test_statistics)
    made = build.for_inference(recipe)
    chosen = selection.Selection(directory)

    def accuracy(split: str, count: int) -> evaluation.Accuracy:
        return evaluation.evaluate(
            made,
            images[split],
            drawn[split],
            count,
            test.test_statistics,
            f"{recipe.method}, {split} classes",
            log,
        )

    def validate(method, step: int) -> None:
        build.take_over(method, made)
        found = accuracy("val", test.validation_episodes)
        *_, last = method.phases(end)
        # What an earlier phase leaves has parts that are not trained yet.
        is_whole = step > end - last.steps
        chosen.add(made, step, found, is_whole)
        log(
            f"step {step:,}: {found.mean:.2f} ± {found.interval:.2f} % on validation "
            f"classes ({test.validation_episodes} episodes"
            f"{'' if is_whole else f'; before {last.name}: not to be chosen'})."
        )

    prepared = run.prepare(recipe, directory, data_dir, log, space=held["train"])
    end = recipe.train_steps
    method = run.train(prepared, validate, log)
    if end not in chosen.results():
        validate(method, end)
    loss_curves.plot(directory.training_log, directory.loss_curves)
    step = chosen.restore(made)
    log(f"Testing the weights of step {step:,}, the best on validation classes.")
    started = time.monotonic()
    found = accuracy("test", test.test_episodes)
    seconds = time.monotonic() - started
    images_a_class = class_space.images_a_class(held["train"])
    validation = chosen.results()[step]
    return figures_of(recipe, test, step, found, validation, seconds, images_a_class)


def _refuse_statistics(recipe: recipes.FewShotRecipe, asked: str) -> None:
    """Before hours of training, what the test would refuse."""
    kinds = recipe.kind.statistics
    if asked not in ("published", *kinds):
        raise errors.UserError(
            f"--test_statistics={asked}: --method={recipe.method} can be tested with "
            f"{' or '.join(('published', *kinds))}."
        )


def figures_of(
    recipe: recipes.FewShotRecipe,
    test: options.TestOptions,
    step: int,
    found: evaluation.Accuracy,
    validation: float,
    seconds: float,
    images_a_class: np.ndarray,
) -> dict[str, Any]:
    """What a run's results.json holds; accuracies are per cent.

    Args:
        recipe: The run's.
        test: How it was tested.
        step: Whose weights.
        found: On test classes.
        validation: Accuracy on validation classes, per cent.
        seconds: What the test took.
        images_a_class: Of the training classes; the fewest and the most are told.
    """
    statistics = test.test_statistics
    if statistics == "published":
        statistics = recipe.kind.statistics[0]
    episode, request = recipe.method_options, recipe.batch_request
    return {
        "method": recipe.method,
        "ways": episode.ways,
        "shots": episode.shots,
        "accuracy": round(found.mean, 4),
        "interval": round(found.interval, 4),
        "episodes": len(found.of_episodes),
        "step": step,
        "validation": validation,
        "statistics": statistics,
        "encoder": recipe.encoder.encoder,
        "filters": round(64 * recipe.encoder.encoder_width),
        "train_batch": [
            request.batches,
            request.identities,
            request.images_per_identity,
        ],
        "test_queries": test.test_queries,
        "train_steps": recipe.train_steps,
        "images_seen": recipe.images_seen(recipe.train_steps),
        "images_a_class": [int(images_a_class.min()), int(images_a_class.max())],
        "test_seconds": round(seconds, 1),
        "versions": results.versions(),
        "flags": {**recipe.recorded(), **dataclasses.asdict(test)},
        "per_episode": [round(float(a), 6) for a in found.of_episodes],
    }
