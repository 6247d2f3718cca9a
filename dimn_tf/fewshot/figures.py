"""What a few-shot run's results.json holds."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dimn_tf.data import label_space
from dimn_tf.encoders import conv4
from dimn_tf.evaluation import results
from dimn_tf.fewshot import class_space, evaluation, options, run_data
from dimn_tf.fewshot import recipe as recipes
from dimn_tf.training import workdir


def flags_of(
    recipe: recipes.FewShotRecipe,
    test: options.TestOptions,
    directory: workdir.WorkDir | None = None,
) -> dict[str, Any]:
    """What decides about a run's figures, by flag name; see `Recipe.recorded`."""
    return {
        **recipe.recorded(directory),
        **tested_with(recipe),
        **dataclasses.asdict(test),
        "evaluate_every": recipe.plan.evaluate_every,  # The steps to choose from.
    }


def defaults_of(method: str) -> dict[str, Any]:
    """`flags_of` a run of which nothing but the method is given."""
    return flags_of(recipes.from_values({"method": method}), options.TestOptions())


def tested_with(recipe: recipes.FewShotRecipe) -> dict[str, Any]:
    """The method's own options that training does not hang on, by flag name."""
    own = recipe.method_options
    return {name: getattr(own, name) for name in ("shots", *recipe.kind.tested_with)}


def _filters(encoder) -> int | None:
    """Of each block of the four convolutions; None: another encoder's vary."""
    if not encoder.encoder.startswith("conv4"):
        return None
    return round(conv4.FILTERS * encoder.encoder_width)


@dataclasses.dataclass(frozen=True)
class Validation:
    """What chose the step that is tested.

    Attributes:
        step: The chosen one.
        accuracy: On validation classes, per cent.
        made_with: See `TestOptions.validation`.
    """

    step: int
    accuracy: float
    made_with: Mapping[str, Any]


def figures_of(
    recipe: recipes.FewShotRecipe,
    test: options.TestOptions,
    found: evaluation.Accuracy,
    validation: Validation,
    seconds: float,
    spaces: Mapping[str, label_space.LabelSpace],
    directory: workdir.WorkDir | None = None,
) -> dict[str, Any]:
    """What a run's results.json holds; accuracies are per cent.

    Args:
        recipe: The run's.
        test: How it was tested.
        found: On test classes.
        validation: What chose the step.
        seconds: What the test took.
        spaces: By split; of the training's classes the fewest and the most images are
            told.
        directory: Of the run; see `flags_of`.
    """
    statistics = test.test_statistics
    if statistics == "published":
        statistics = recipe.kind.statistics[0]
    images_a_class = class_space.images_a_class(spaces["train"])
    episode, request = recipe.method_options, recipe.batch_request
    return {
        "method": recipe.method,
        "ways": episode.ways,
        "shots": episode.shots,
        "accuracy": round(found.mean, 4),
        "interval": round(found.interval, 4),
        "episodes": len(found.of_episodes),
        "step": validation.step,
        "validation": validation.accuracy,
        "validated_with": dict(validation.made_with),
        "statistics": statistics,
        "encoder": recipe.encoder.encoder,
        "filters": _filters(recipe.encoder),
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
        "images_sha256": run_data.sha256_of(spaces),
        "versions": results.versions(),
        "flags": flags_of(recipe, test, directory),
        "per_episode": [round(float(a), 6) for a in found.of_episodes],
    }
