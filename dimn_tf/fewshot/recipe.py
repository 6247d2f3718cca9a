"""A few-shot run's options: the shared recipe with few-shot's methods and data."""

import dataclasses
from collections.abc import Mapping, Set
from typing import Any, ClassVar

from dimn_tf import errors, fewshot
from dimn_tf.fewshot import options
from dimn_tf.training import recipe


@dataclasses.dataclass(frozen=True)
class FewShotRecipe(recipe.Recipe):
    """Every option of a few-shot run; see `Recipe`."""

    counted: ClassVar[str] = "classes"
    registry: ClassVar[Mapping[str, type]] = fewshot.METHODS
    groups: ClassVar[Mapping[str, type]] = {
        **recipe.SHARED,
        "data": options.DataOptions,
    }
    # One encoder for all rows, from a random start; no augmentation, as their papers
    # (PPA's has some; ours: none).
    common: ClassVar[Mapping[str, Any]] = {
        "encoder": "conv4",
        "encoder_width": 1.0,
        "encoder_weights": "none",
        "batch_norm_momentum": 0.9,
        "augment_flip": 0.0,
    }
    common_help: ClassVar[Mapping[str, str]] = {
        "encoder": "Backbone g; the methods' papers: four convolutions.",
        "encoder_width": "Multiplier of the channels; conv4 has 64 at 1.",
        "encoder_weights": "Start of the encoder: a .weights.h5 file, imagenet, or "
        "none: a random one, as in the methods' papers.",
        "batch_norm_momentum": "Share of the old moving averages that a step keeps; "
        "ours: 0.9, for short runs.",
        "augment_flip": "Probability that an image is mirrored left to right; the "
        "methods' papers: 0.",
        "train_steps": "Iterations.",
    }
    without_flag: ClassVar[Set[str]] = frozenset({"mirror", "replicas"})

    data: options.DataOptions = options.DataOptions()

    def __post_init__(self):
        super().__post_init__()
        if self.encoder.mirror:
            raise errors.UserError(
                "--mirror: few-shot methods match no mirror images. Leave the flag out."
            )
        if self.plan.replicas != 1:
            raise errors.UserError(
                f"--replicas={self.plan.replicas}: few-shot methods are trained on one "
                "device, since a task is not shared out. Leave the flag out."
            )

        if self.method_options.train_ways == 1:
            raise errors.UserError(
                "--train_ways=1: in a task of one class there is nothing to tell "
                "apart. Expected 2 at least, or 0: as --ways."
            )

    def hard_groups(self) -> None:
        """None: a task's classes are drawn, all alike."""
        return None

    @property
    def is_trained_once(self) -> bool:
        """Whether one training serves all shots."""
        return issubclass(self.kind.Options, options.TrainedOnceOptions)


def from_values(values: Mapping[str, Any]) -> FewShotRecipe:
    """A recipe from values by flag name; see `training.recipe.from_values`."""
    return recipe.from_values(values, FewShotRecipe)
