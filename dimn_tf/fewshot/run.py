"""A few-shot run: trained on some classes, chosen on others, tested on the last."""

import time
from collections.abc import Callable
from typing import Any

from dimn_tf import errors
from dimn_tf.fewshot import (
    class_space,
    episodes,
    evaluation,
    figures,
    options,
    run_data,
    selection,
)
from dimn_tf.fewshot import recipe as recipes
from dimn_tf.training import build, loss_curves, run, workdir

_OF_VALIDATION_ALONE = ("episodes", "evaluate_every", "images_sha256")
"""Looked at where nothing is to be validated any more too: no test has its own."""


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
    shots = recipe.method_options.shots
    data = run_data.lay(recipe, test, run_data.load(recipe.data.dataset, data_dir))
    end, chosen = recipe.train_steps, selections(recipe, test, data, directory)
    size = recipe.data.image_height, recipe.data.image_width
    images = {
        split: class_space.images_of(data.spaces[split], *size, log)
        for split in ("val", "test")
    }
    made = build.for_inference(recipe)
    _refuse_unvalidated(chosen, shots, directory, log)

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
        for k, drawn in data.validated_on.items():
            found = accuracy("val", drawn, test.validation_episodes)
            chosen[k].add(made, step, found, is_whole)
            log(
                f"step {step:,}: {found.mean:.2f} ± {found.interval:.2f} % on "
                f"validation classes ({k}-shot, {test.validation_episodes} episodes"
                f"{'' if is_whole else f'; before {last.name}: not to be chosen'})."
            )

    def validated(step: int) -> bool:
        return all(chosen[k].path_of(step).is_file() for k in data.validated_on)

    prepared = run.prepare(recipe, directory, data_dir, log, space=data.spaces["train"])
    method = run.train(prepared, validate, log, validated)
    if end not in chosen[shots].results():
        validate(method, end)
    loss_curves.plot(directory.training_log, directory.loss_curves)
    step = chosen[shots].restore(made)
    log(f"Testing the weights of step {step:,}, the best on validation classes.")
    started = time.monotonic()
    found = accuracy("test", data.tested_on, test.test_episodes)
    seconds = time.monotonic() - started
    held = chosen[shots].made_with(step)
    told = test.validation(recipe.kind, recipe.method_options).keys() & held.keys()
    validation = figures.Validation(
        step,
        chosen[shots].results()[step],
        {name: value for name, value in held.items() if name in told},
    )
    return figures.figures_of(
        recipe, test, found, validation, seconds, data.spaces, directory
    )


def selections(
    recipe: recipes.FewShotRecipe,
    test: options.TestOptions,
    data: run_data.RunData,
    directory: workdir.WorkDir,
) -> dict[int, selection.Selection]:
    """What chooses a run's step, by shots; takes no image.

    Args:
        recipe: The run's options.
        test: How it is validated and tested.
        data: Of `run_data.lay`.
        directory: Of the run, or free.

    Raises:
        errors.UserError: steps there were validated otherwise, or on other images.
            What another test of a finished run may have of its own counts only where
            more is to be validated.
    """
    made_with = {
        **test.validation(recipe.kind, recipe.method_options),
        "evaluate_every": recipe.plan.evaluate_every,
        "images_sha256": run_data.sha256_of(data.spaces)["val"],
    }
    chosen = {
        k: selection.Selection(directory, k, made_with) for k in data.validated_on
    }
    is_done = recipe.train_steps in chosen[recipe.method_options.shots].results()
    for one in chosen.values():
        one.refuse_other(_OF_VALIDATION_ALONE if is_done else None)
        _refuse_other_steps(one, recipe)
    return chosen


def _refuse_other_steps(
    chosen: selection.Selection, recipe: recipes.FewShotRecipe
) -> None:
    """Refuses steps that --evaluate_every does not come by.

    An older version's validations tell no more than their step.
    """
    every = recipe.plan.evaluate_every
    for step in chosen.steps():
        if step != recipe.train_steps and (not every or step % every):
            raise errors.UserError(
                f"{chosen.path_of(step)}: step {step:,} was validated, which "
                f"--evaluate_every={every} does not come by. Give the flag as before, "
                "or another --workdir"
            )


def _refuse_unvalidated(
    chosen: dict[int, selection.Selection],
    shots: int,
    directory: workdir.WorkDir,
    log: Callable[[str], None],
) -> None:
    """Refuses shots that steps which are gone were not validated with."""
    others = sorted(set().union(*(found.results() for found in chosen.values())))
    # A run that was killed in its last validation makes that one again.
    missing = sorted(set(others[:-1]) - set(chosen[shots].results()))
    if missing and not chosen[shots].results():
        there = ", ".join(str(k) for k, found in chosen.items() if found.results())
        raise errors.UserError(
            f"--shots={shots}: the steps of {directory.root} were validated with "
            f"{there} shots, step {missing[0]:,} not with {shots}, so that none can "
            "be chosen for it. Name another --workdir"
        )
    if missing:
        log(
            f"{directory.root}: no {shots}-shot validation of step "
            f"{', '.join(f'{step:,}' for step in missing)}: not to be chosen."
        )
