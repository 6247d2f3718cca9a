"""What is told of a few-shot task, of its data and of its test."""

import dataclasses

from dimn_tf import config

STATISTICS = ("moving", "support", "query", "episode")
SHOTS = (1, 5)
"""Support images of a class in the paper's Table 8."""


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """Which classes are trained on and told apart."""

    dataset: str = config.option(
        "mini_imagenet",
        "TFDS name; `mini_imagenet/partial` for an incomplete archive.",
        holds=config.REFERENCES,
    )
    image_height: int = config.option(84, "Pixels; all papers: 84.", least=16)
    image_width: int = config.option(84, "Pixels; all papers: 84.", least=16)


@dataclasses.dataclass(frozen=True)
class EpisodeOptions:
    """An episode: K images each of N unseen classes, and queries to be told apart.

    Every method's `Options` has these; what a step of training sees is counted apart
    from what is tested.
    """

    ways: int = config.option(5, "N, classes of a test episode; paper: 5.", least=2)
    shots: int = config.option(
        1, "K, support images of each class; paper: 1 and 5.", least=1
    )
    train_ways: int = config.option(
        0,
        "Classes of a training step's task; dimn and ppa: of its batch, two images of "
        "each (C_b, below the number of classes, or DIMN's memory is never read). 0: "
        "as --ways.",
        least=0,
    )
    train_queries: int = config.option(
        15, "Query images of each class of a training task.", least=1
    )
    tasks: int = config.option(1, "Tasks of a training step.", least=1)

    @property
    def classes(self) -> int:
        """Classes of a training step's task."""
        return self.train_ways or self.ways


@dataclasses.dataclass(frozen=True)
class FineTunedOptions(EpisodeOptions):
    """Of a method whose own weights a task moves."""

    zero_output: bool = config.option(
        False,
        "Whether the output layer begins with zeros, so that the first inner steps of "
        "a run have no chance preferences to undo; published: no (Glorot's start).",
    )


@dataclasses.dataclass(frozen=True)
class TrainedOnceOptions(EpisodeOptions):
    """Of a method whose training is the same whatever shots are tested.

    One training serves all: each has its own step of it, chosen by validation.
    """

    shots: int = config.option(
        1,
        "K, support images of each class; paper: 1 and 5.",
        changes_result=False,
        least=1,
    )


@dataclasses.dataclass(frozen=True)
class TestOptions:
    """How it is tested; none of it changes what is trained."""

    test_queries: int = config.option(
        15,
        "Query images of each class of a test episode; the field's 15.",
        changes_result=False,
        least=1,
    )
    test_episodes: int = config.option(
        1000, "Episodes of the test; paper: 1,000.", changes_result=False, least=2
    )
    validation_episodes: int = config.option(
        200,
        "Episodes of validation classes that choose the step; ours.",
        changes_result=False,
        least=2,
    )
    test_statistics: str = config.option(
        "published",
        "Batch norm's statistics at test: its moving averages (moving); those that a "
        "learner's last weights have on its support (support: meta_lstm, ours); those "
        "of the support images and one query together (query); those of all queries of "
        "the episode (episode: transductive, a query's class hangs on the others). "
        "`published`: as the method's paper has it.",
        choices=("published", *STATISTICS),
        changes_result=False,
    )
    episode_seed: int = config.option(
        0,
        "Of the episodes that are tested on.",
        changes_result=False,
        least=0,
        most=2147483647,
    )

    def validation(self, method: type, own: EpisodeOptions) -> dict[str, object]:
        """What decides about a step's validation accuracy, by name.

        Args:
            method: A `FewShotMethod`.
            own: Its options.
        """
        asked = self.test_statistics
        return {
            **{name: getattr(own, name) for name in method.tested_with},
            "episodes": self.validation_episodes,
            "queries": self.test_queries,
            "statistics": method.statistics[0] if asked == "published" else asked,
            "seed": self.episode_seed,
        }
