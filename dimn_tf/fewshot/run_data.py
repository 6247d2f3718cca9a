"""What a few-shot run is trained, chosen and tested on; what cannot be is refused."""

import dataclasses
from collections.abc import Mapping

from dimn_tf import errors
from dimn_tf.data import label_space
from dimn_tf.fewshot import class_space, episodes, options
from dimn_tf.fewshot import recipe as recipes
from dimn_tf.training import build, run


@dataclasses.dataclass(frozen=True)
class RunData:
    """The classes of a run and the episodes of them.

    Attributes:
        spaces: By split.
        tested_on: Of the test classes.
        validated_on: Of the validation classes, by shots.
    """

    spaces: Mapping[str, label_space.LabelSpace]
    tested_on: episodes.Episodes
    validated_on: Mapping[int, episodes.Episodes]


def load(reference: str, data_dir: str) -> dict[str, label_space.LabelSpace]:
    """The label space of each split.

    Raises:
        errors.UserError: the data set is not built.
    """
    return {
        split: class_space.load(reference, split, data_dir)
        for split in class_space.SPLITS
    }


def sha256_of(spaces: Mapping[str, label_space.LabelSpace]) -> dict[str, str]:
    """By split: a hash of its images' names and classes."""
    return {split: run.sha256_of(space) for split, space in spaces.items()}


def lay(
    recipe: recipes.FewShotRecipe,
    test: options.TestOptions,
    spaces: Mapping[str, label_space.LabelSpace],
) -> RunData:
    """Lays a run's episodes out; takes no image, so that it comes before hours.

    Args:
        recipe: The run's options.
        test: How it is validated and tested.
        spaces: See `load`.

    Raises:
        errors.UserError: options that do not fit each other or the classes.
    """
    request, own = recipe.batch_request, recipe.method_options
    build.refuse_untrainable(recipe)
    kinds = recipe.kind.statistics
    if test.test_statistics not in ("published", *kinds):
        raise errors.UserError(
            f"--test_statistics={test.test_statistics}: --method={recipe.method} can "
            f"be tested with {' or '.join(('published', *kinds))}."
        )
    class_space.refuse_few_classes(
        spaces["train"],
        request.identities,
        "--train_ways" if own.train_ways else "--ways",
        recipe.kind.other_classes,
    )
    class_space.refuse_small_classes(
        spaces["train"], request.images_per_identity, "a training step's of a class"
    )

    def drawn_of(split: str, shots: int) -> episodes.Episodes:
        return episodes.Episodes(
            spaces[split], own.ways, shots, test.test_queries, test.episode_seed
        )

    return RunData(
        spaces,
        drawn_of("test", own.shots),
        {k: drawn_of("val", k) for k in _validated(recipe, test, spaces["val"])},
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
    own = recipe.method_options.shots
    if not recipe.is_trained_once:
        return [own]
    most = class_space.images_a_class(classes).min() - test.test_queries
    return sorted({own, *(k for k in options.SHOTS if k <= most)})
