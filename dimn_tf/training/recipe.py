"""A recipe: every option of a run, and their record."""

import dataclasses
from collections.abc import Mapping, Set
from typing import Any, ClassVar

from dimn_tf import config, errors, methods
from dimn_tf.data import augmentation as augmentations
from dimn_tf.data import batch_request, hard_groups
from dimn_tf.methods import trainable
from dimn_tf.training import options as options_lib
from dimn_tf.training import recorded_start, workdir

SHARED = {
    "data": options_lib.DataOptions,
    "encoder": options_lib.EncoderOptions,
    "optimiser": options_lib.OptimiserOptions,
    "plan": options_lib.ScheduleOptions,
}
"""Option groups that all methods have, by their place in a recipe."""

AUGMENTATION_PREFIX = "augment_"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Every option of a run; see the parts for their fields.

    Attributes:
        method: Key of `registry`.
        method_options: An instance of that method's `Options`.
    """

    registry: ClassVar[Mapping[str, type[trainable.Trainable]]] = methods.METHODS
    """What there is to train, by name."""

    groups: ClassVar[Mapping[str, type]] = SHARED
    """The option groups that all methods have, by their place here."""

    counted: ClassVar[str] = "identities"
    """What is trained on, for people."""

    common: ClassVar[Mapping[str, Any]] = {}
    """Values by flag name that all methods have unless told, other than the groups'."""

    common_help: ClassVar[Mapping[str, str]] = {}
    """Flags' help in place of the groups', by flag name."""

    without_flag: ClassVar[Set[str]] = frozenset()
    """Options of the groups that no method takes another value of."""

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
        if self.encoder.feature_neck and not self.kind.takes_neck:
            raise errors.UserError(
                f"--feature_neck: --method={self.method} does not match by the pooled "
                "feature that the neck normalises. Leave the flag out."
            )
        can, asked = self.kind.precisions, self.optimiser.precision
        if asked not in can:
            raise errors.UserError(
                f"--precision={asked}: --method={self.method} cannot be trained so "
                f"(its gradients of gradients or its inner steps need more): expected "
                f"{' or '.join(can)}."
            )

    @property
    def kind(self) -> type[trainable.Trainable]:
        """The method's class."""
        return self.registry[self.method]

    def parts(self) -> dict[str, Any]:
        """The option groups by the prefix of their flags."""
        shared = tuple(getattr(self, name) for name in self.groups)
        return {
            "": (*shared, self.method_options),
            AUGMENTATION_PREFIX: (self.augmentation,),
        }

    @property
    def batch_request(self) -> batch_request.BatchRequest:
        """What a training step sees, as the method asks for it.

        Raises:
            errors.UserError: options that the method cannot train with.
        """
        return self.kind.batch_request(self.data, self.method_options)

    def hard_groups(self) -> hard_groups.HardGroups | None:
        """What puts identities that are alike into a batch together; None: nothing."""
        share, size = self.data.hard_share, self.data.hard_group
        return hard_groups.HardGroups(share, size) if share else None

    @property
    def train_steps(self) -> int:
        """Steps of the run: --train_steps, or as many as --train_images last."""
        if self.optimiser.train_images:
            return self.kind.steps_of_budget(
                self.optimiser.train_images, self.batch_request, self.method_options
            )
        return self.optimiser.train_steps

    def images_seen(self, step: int) -> int:
        """Images that so many steps have seen, each as often as it was."""
        return self.kind.images_seen(
            step, self.train_steps, self.batch_request, self.method_options
        )

    def recorded(self, directory: workdir.WorkDir | None = None) -> dict[str, Any]:
        """The values that change the result, by flag name.

        Args:
            directory: Of the run, new or to go on: what a run with checkpoints of its
                own records stands for its start where that is gone. None: for none.

        Raises:
            errors.UserError: a file or a run to start from is not there.
        """
        values = self.changing_the_result()
        # What files hold counts, not where they lie.
        weights = self.encoder.encoder_weights
        if weights not in ("none", "imagenet"):
            values["encoder_weights"] = recorded_start.weights(weights, directory)
        if self.encoder.init_from:
            start = self.encoder.init_from
            values["init_from"] = recorded_start.run(start, directory)
        return values

    def changing_the_result(self) -> dict[str, Any]:
        """As `recorded`, with the places of files and not what they hold."""
        values = {"method": self.method}
        for prefix, groups in self.parts().items():
            for group in groups:
                for field in dataclasses.fields(group):
                    if field.metadata["changes_result"]:
                        values[prefix + field.name] = getattr(group, field.name)
        return values


def from_values(values: Mapping[str, Any], of: type[Recipe] = Recipe) -> Recipe:
    """A recipe from values by flag name, as `Recipe.recorded` gives them.

    Args:
        values: Must hold `method`. An option that is missing has the method's default
            for it (`Trainable.defaults`), or else its own.
        of: The kind of recipe.

    Raises:
        errors.UserError: an unknown method, or a value that is not allowed.
    """
    method = values.get("method")
    if not isinstance(method, str) or method not in of.registry:
        raise errors.UserError(
            f"--method={method}: no such method. Known: "
            f"{', '.join(sorted(of.registry))}."
        )
    kind = of.registry[method]
    values = {**of.common, **kind.defaults, **values}
    return of(
        method=method,
        method_options=config.read(kind.Options, values),
        augmentation=config.read(
            augmentations.Augmentation, values, AUGMENTATION_PREFIX
        ),
        **{name: config.read(group, values) for name, group in of.groups.items()},
    )


def of_run(
    directory: workdir.WorkDir, of: type[Recipe] = Recipe, **instead: Any
) -> Recipe:
    """The recipe that a run was made with.

    Args:
        directory: Of the run.
        of: The kind of recipe.
        instead: Values by flag name that take the place of recorded ones.

    Raises:
        errors.UserError: there is no run, or its record holds a flag or a value that
            this version does not know; the file is named.
    """
    values = workdir.read_values(directory)
    try:
        found = from_values({**values, **instead}, of)
        if unknown := sorted(values.keys() - found.changing_the_result().keys()):
            raise errors.UserError(f"--{unknown[0]}: there is no such flag")
    except errors.UserError as error:
        raise errors.UserError(
            f"{directory.config}: {error} The run is of another version of this "
            "program or of another command of it (experiments.fewshot), or the file "
            "was changed; restore it, or train anew in another --workdir"
        ) from error
    return found
