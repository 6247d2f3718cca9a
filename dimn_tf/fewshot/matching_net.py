"""Matching networks: a query takes its class from the support by attention."""

import dataclasses

import tensorflow as tf

from dimn_tf import config
from dimn_tf.fewshot import base, lstm, options

VOTES = ("attention", "sum")
_READING_STEPS = 3  # Of the query's LSTM, in Ravi's code.
_SMALLEST = 1e-12


@dataclasses.dataclass(frozen=True)
class MatchingNetOptions(options.EpisodeOptions):
    """Matching networks' choices."""

    matching_votes: str = config.option(
        "attention",
        "A class' score: the sum of the softmax, over all support images, of the "
        "cosines (attention, the paper's), or the sum of the cosines (sum, of Ravi and "
        "Larochelle's code, whose runs are the ones quoted). Alike with one shot.",
        choices=VOTES,
    )
    matching_context: bool = config.option(
        False,
        "Whether features see the whole support (full context embeddings, FCE), by "
        "LSTMs of the features' dimension D, whose weights are 12 D^2 and more: take "
        "--encoder=conv4_mean.",
    )


class MatchingNet(base.FeatureEpisodicMethod):
    """P(y | x, S) = sum_i a(x, x_i) y_i, a = softmax_i(cos(f(x), g(x_i))).

    With full context embeddings g(x_i) also gets the states of a forward and of a
    backward LSTM over the support, and f(x) those of an LSTM that reads the support by
    attention K = 3 times; without, f and g are the encoder.

    Reference: Vinyals et al., "Matching Networks for One Shot Learning", NIPS 2016,
        Eq. 1, section 2.1, appendix A; code twitter/meta-learning-lstm
        (0df7fc7), by Ravi and Larochelle.
    """

    Options = MatchingNetOptions

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        self._context = []
        if options.matching_context:
            dimension = encoder.feature_dimension
            self._context = [
                lstm.LSTM(inputs * dimension, dimension, layer_name, seed=seed + 2 * i)
                for i, (layer_name, inputs) in enumerate(
                    (("support_forward", 1), ("support_backward", 1), ("reading", 2))
                )
            ]

    @property
    def matching_layers(self):
        """The LSTMs of the context, where it is asked for."""
        return tuple(self._context)

    def scores_of_features(self, support, queries):
        """log P(y | x, S), or the sum of the cosines; see `FeatureMethod`."""
        ways, shots, dimension = support.shape[-3:]
        leading = tf.shape(support)[:-3]
        images = tf.reshape(support, tf.concat([leading, [ways * shots, dimension]], 0))
        images.set_shape((*support.shape[:-3], ways * shots, dimension))
        if self._context:
            images, queries = self._in_context(images, queries)
        cosines = tf.matmul(
            tf.math.l2_normalize(queries, axis=-1),
            tf.math.l2_normalize(images, axis=-1),
            transpose_b=True,
        )
        by_class = tf.concat([tf.shape(cosines)[:-1], [ways, shots]], 0)
        if self.options.matching_votes == "sum":
            return tf.reduce_sum(tf.reshape(cosines, by_class), axis=-1)
        attention = tf.reshape(tf.nn.softmax(cosines), by_class)
        return tf.math.log(tf.reduce_sum(attention, axis=-1) + _SMALLEST)

    def _in_context(self, images, queries):
        """g(x_i, S) and f(x, S): [..., n, D] and [..., M, D] -> the same."""
        forward, backward, reading = self._context
        leading = tf.shape(images)[:-2]
        count, dimension = images.shape[-2:]
        asked = tf.shape(queries)[-2]
        images = tf.reshape(images, (-1, count, dimension))
        queries = tf.reshape(queries, (-1, asked, dimension))
        images += _states(forward, images) + tf.reverse(
            _states(backward, tf.reverse(images, axis=[1])), axis=[1]
        )
        episodes = tf.shape(images)[0]
        inputs = tf.reshape(queries, (-1, dimension))
        hidden, cell = reading.start(tf.shape(inputs)[0])
        # Nothing is read before the first step: the mean of the support.
        read = tf.tile(tf.reduce_mean(images, axis=1, keepdims=True), [1, asked, 1])
        for _ in range(_READING_STEPS):
            both = tf.concat([inputs, tf.reshape(read, (-1, dimension))], axis=-1)
            output, cell = reading(both, (hidden, cell))
            hidden = output + inputs
            by_query = tf.reshape(hidden, (episodes, asked, dimension))
            attention = tf.nn.softmax(tf.matmul(by_query, images, transpose_b=True))
            read = tf.matmul(attention, images)
        found = tf.reshape(hidden, (episodes, asked, dimension))
        return (
            tf.reshape(images, tf.concat([leading, [count, dimension]], 0)),
            tf.reshape(found, tf.concat([leading, [asked, dimension]], 0)),
        )


def _states(layer, sequence):
    """The states h of each step: [n, steps, D] -> the same."""
    states, state = [], layer.start(tf.shape(sequence)[0])
    for step in tf.unstack(sequence, axis=1):
        state = layer(step, state)
        states.append(state[0])
    return tf.stack(states, axis=1)
