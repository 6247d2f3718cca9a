"""The search for identities that are hard to tell apart, as training goes on."""

import keras
import numpy as np
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.data import hard_groups, sampler
from dimn_tf.training import strategies


class HardSearch(keras.layers.Layer):
    """Finds them by the classifier's weights and tells the sampler.

    What was found last is a variable, so that a run that goes on draws as it would
    have. Only one worker's findings count: processors may round otherwise, and all
    workers must draw the same batch.

    Args:
        method: Built for training; see `Trainable.identity_vectors`.
        sampling: With `groups`; what was found is given to them.
        every: Steps between two searches.
        strategy: Where the method trains.
    """

    def __init__(
        self,
        method,
        sampling: sampler.IdentitySampler,
        every: int,
        strategy: tf.distribute.Strategy,
    ):
        super().__init__(name="hard_groups", dtype="float32")
        self.every = every
        self._method = method
        self._sampling = sampling
        self._strategy = strategy
        self._nearest = self.add_weight(
            name="nearest",
            shape=(int(sampling.starts[-1]), sampling.groups.size - 1),
            initializer=keras.initializers.Constant(-1),
            dtype="int32",
            trainable=False,
            aggregation="only_first_replica",
        )
        self.built = True

    def begin(self, step: int) -> None:
        """Gives the sampler what it draws by after `step` steps of the run.

        Args:
            step: Steps that are done: a multiple of `every`, for a new search, or
                those that this process starts from.
        """
        if step and step % self.every == 0:
            vectors = self._method.identity_vectors
            groups = self._sampling.groups
            found = hard_groups.nearest(vectors, self._sampling.starts, groups.size)
            self._nearest.assign(found)
            strategies.share_from_chief(self._strategy, [self._nearest], step)
        held = np.array(tf.convert_to_tensor(self._nearest.value))
        self._sampling.groups.nearest = held if step >= self.every else None


def asked_for(recipe, method, sampling, strategy) -> HardSearch | None:
    """The search of a run, where its recipe asks for one.

    Args:
        recipe: The run's `recipe.Recipe`.
        method: Built for training by it.
        sampling: The run's `IdentitySampler`.
        strategy: Where it trains.

    Raises:
        errors.UserError: the method has no classifier to search by.
    """
    if sampling.groups is None:
        return None
    refuse_unclassified(recipe)
    return HardSearch(method, sampling, recipe.data.hard_search_every, strategy)


def refuse_unclassified(recipe) -> None:
    """Refuses what `asked_for` does, without a model.

    Args:
        recipe: The run's `recipe.Recipe`.

    Raises:
        errors.UserError: the method has no classifier to search by.
    """
    groups = recipe.hard_groups()
    if groups and not recipe.kind.classifies_all(recipe.method_options):
        raise errors.UserError(
            f"--hard_share={groups.share:g}: --method={recipe.method} has, with these "
            "options, no classifier of all identities that tells which are alike. "
            "Leave the flag out."
        )
