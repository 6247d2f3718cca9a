"""What a few-shot run's results.json holds."""

import dataclasses
from typing import Any

import numpy as np

from dimn_tf.evaluation import results
from dimn_tf.fewshot import evaluation, options
from dimn_tf.fewshot import recipe as recipes


def flags_of(
    recipe: recipes.FewShotRecipe, test: options.TestOptions
) -> dict[str, Any]:
    """What decides about a run's figures, by flag name."""
    return {
        **recipe.recorded(),
        "shots": recipe.method_options.shots,
        **dataclasses.asdict(test),
    }


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
        "flags": flags_of(recipe, test),
        "per_episode": [round(float(a), 6) for a in found.of_episodes],
    }
