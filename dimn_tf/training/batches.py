"""A run's batches: shared out to workers, augmented, and once through all images."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from dimn_tf.data import augmentation, label_space, pipeline, sampler
from dimn_tf.methods import phase
from dimn_tf.training import recipe as recipes
from dimn_tf.training import strategies, weight_average

_IMAGES_AT_A_TIME = 64  # Of those that are encoded between two phases.


class Batches:
    """What the steps of a run are fed with.

    Args:
        recipe: The run's options.
        space: Its sources' identities.
        sampling: How a batch is drawn.
        strategy: Where it trains.
    """

    def __init__(
        self,
        recipe: recipes.Recipe,
        space: label_space.LabelSpace,
        sampling: sampler.IdentitySampler,
        strategy: tf.distribute.Strategy,
    ):
        self._recipe = recipe
        self._space = space
        self._sampling = sampling
        self._strategy = strategy

    def of(self, part: phase.Phase, first: int, last: int):
        """A distributed data set of the steps first + 1, ..., last of a phase."""
        return strategies.dataset(self._strategy, self._share(part, first, last))

    def for_statistics(self, part: phase.Phase) -> Iterator[dict[str, tf.Tensor]]:
        """Augmented batches of the steps that would follow the run's last one."""
        end = self._recipe.train_steps
        last = end + weight_average.STATISTICS_BATCHES
        for batch in self._share(part, end, last)((0,), 1):
            yield _augmented(batch, self._recipe.augmentation)

    def augmenting(self, step):
        """A method's step on the pipeline's batches, augmented on the device."""
        return lambda batch: step(_augmented(batch, self._recipe.augmentation))

    def every_image(self) -> Iterator[tuple[tf.Tensor, np.ndarray]]:
        """All training images as they are, in the order of their labels."""
        data = self._recipe.data
        for domain in self._space.domains:
            images = pipeline.image_dataset(
                domain.records,
                domain.image_indices,
                data.image_height,
                data.image_width,
                _IMAGES_AT_A_TIME,
            )
            counts = np.diff(domain.offsets)
            labels = domain.first_label + np.repeat(np.arange(len(counts)), counts)
            done = 0
            for batch in images:
                yield batch, labels[done : done + len(batch)]
                done += len(batch)

    def _share(self, part: phase.Phase, first: int, last: int):
        """What `strategies.dataset` makes a worker's batches by."""
        data = self._recipe.data
        size = pipeline.PipelineOptions(
            height=data.image_height, width=data.image_width
        )

        def make_share(replicas, num_replicas):
            if not part.takes_images:
                steps = tf.data.Dataset.range(first, last)
                each = steps.flat_map(
                    lambda step: tf.data.Dataset.from_tensors(step).repeat(
                        len(replicas)
                    )
                )
                each = each.map(lambda step: {"step": step})
                return each.with_options(pipeline.tf_data_options())
            return pipeline.training_dataset(
                self._space, self._sampling, size, first, last, replicas, num_replicas
            )

        return make_share


def _augmented(batch, options: augmentation.Augmentation):
    batch = dict(batch)
    images = augmentation.augment(batch["images"], batch.pop("draws"), options)
    return {**batch, "images": images}
