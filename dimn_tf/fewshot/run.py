"""A few-shot run: trained on some classes, chosen on others, tested on the last."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from dimn_tf import errors
from dimn_tf.data import label_space
from dimn_tf.fewshot import (
    class_space,
    episodes,
    evaluation,
    figures,
    options,
    selection,
)
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
    request, shots = recipe.batch_request, recipe.method_options.shots
    class_space.refuse_small_classes(
        held["train"], request.images_per_identity, "a training step's of a class"
    )

    def drawn_of(split: str, of_shots: int) -> episodes.Episodes:
        return episodes.Episodes(
            held[split],
            recipe.method_options.ways,
            of_shots,
            test.test_queries,
            test.episode_seed,
        )

    tested_on = drawn_of("test", shots)
    validated_on = {
        k: drawn_of("val", k) for k in _validated(recipe, test, held["val"])
    }
    size = recipe.data.image_height, recipe.data.image_width
    images = {
        split: class_space.images_of(held[split], *size, log)
        for split in ("val", "test")
    }
    _refuse_statistics(recipe, test.test_statistics)
    made = build.for_inference(recipe)
    chosen = {k: selection.Selection(directory, k) for k in validated_on}
    _refuse_unvalidated(chosen, shots, directory)

    def accuracy(
        split: str, drawn: episodes.Episodes, count: int
    ) -> evaluation.Accuracy:
        return evaluation.evaluate(
            made,
            images[split],
            drawn,
            count,
            test.test_statistics,
            f"{recipe.method}, {split} classes",
            log,
        )

    def validate(method, step: int) -> None:
        build.take_over(method, made)
        *_, last = method.phases(end)
        # What an earlier phase leaves has parts that are not trained yet.
        is_whole = step > end - last.steps
        for k, drawn in validated_on.items():
            found = accuracy("val", drawn, test.validation_episodes)
            chosen[k].add(made, step, found, is_whole)
            log(
                f"step {step:,}: {found.mean:.2f} ± {found.interval:.2f} % on "
                f"validation classes ({k}-shot, {test.validation_episodes} episodes"
                f"{'' if is_whole else f'; before {last.name}: not to be chosen'})."
            )

    prepared = run.prepare(recipe, directory, data_dir, log, space=held["train"])
    end = recipe.train_steps
    method = run.train(prepared, validate, log)
    if end not in chosen[shots].results():
        validate(method, end)
    loss_curves.plot(directory.training_log, directory.loss_curves)
    step = chosen[shots].restore(made)
    log(f"Testing the weights of step {step:,}, the best on validation classes.")
    started = time.monotonic()
    found = accuracy("test", tested_on, test.test_episodes)
    seconds = time.monotonic() - started
    images_a_class = class_space.images_a_class(held["train"])
    validation = chosen[shots].results()[step]
    return figures.figures_of(
        recipe, test, step, found, validation, seconds, images_a_class
    )


def _validated(
    recipe: recipes.FewShotRecipe,
    test: options.TestOptions,
    classes: label_space.LabelSpace,
) -> list[int]:
    """The shots that a training's steps are validated with.

    Where no shots are trained for, the other runs of Table 8 take theirs from the same
    training, unless a class has too few images for them.
    """
    kind, own = recipe.kind.Options, recipe.method_options.shots
    (field,) = (f for f in dataclasses.fields(kind) if f.name == "shots")
    if field.metadata["changes_result"]:
        return [own]
    most = class_space.images_a_class(classes).min() - test.test_queries
    return sorted({own, *(k for k in options.SHOTS if k <= most)})


def _refuse_unvalidated(
    chosen: dict[int, selection.Selection], shots: int, directory: workdir.WorkDir
) -> None:
    """Refuses shots that steps which are gone were not validated with."""
    others = sorted(set().union(*(found.results() for found in chosen.values())))
    # A run that was killed in its last validation makes that one again.
    missing = set(others[:-1]) - set(chosen[shots].results())
    if missing:
        there = ", ".join(str(k) for k, found in chosen.items() if found.results())
        raise errors.UserError(
            f"--shots={shots}: the steps of {directory.root} were validated with "
            f"{there} shots, step {min(missing):,} not with {shots}, so that none can "
            "be chosen for it. Name another --workdir"
        )


def _refuse_statistics(recipe: recipes.FewShotRecipe, asked: str) -> None:
    """Before hours of training, what the test would refuse."""
    kinds = recipe.kind.statistics
    if asked not in ("published", *kinds):
        raise errors.UserError(
            f"--test_statistics={asked}: --method={recipe.method} can be tested with "
            f"{' or '.join(('published', *kinds))}."
        )
