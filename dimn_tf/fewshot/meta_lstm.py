"""The meta-learner LSTM: it learns the update rule, and where learners begin."""

import dataclasses
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from dimn_tf import config, losses
from dimn_tf.fewshot import episode_statistics, fine_tuned, lstm, options

_EXPONENT = 10.0  # p of `preprocessed`.
_START = 0.01  # All weights of the meta-learner begin within +- this.


@dataclasses.dataclass(frozen=True)
class MetaLSTMOptions(options.FineTunedOptions):
    """The meta-learner's constants; its official code's unless it says otherwise."""

    lstm_updates: int = config.option(
        0,
        "T, updates of a learner, each by the whole support; 0: 12 with one shot, 8 "
        "with more, as in the code (its paper: 12 and 5).",
        least=0,
    )
    lstm_hidden: int = config.option(
        20, "Units of the LSTM that reads losses and gradients; the code: 20.", least=1
    )
    lstm_clip: float = config.option(
        0.25, "Largest length of the meta-gradient; the code: 0.25.", least=1e-6
    )


class MetaLSTM(fine_tuned.FineTunedMethod):
    """A learner's weights are the cell of an LSTM whose candidate is their gradient:

        c_t = f_t * c_(t-1) - i_t * grad_t.

    grad_t is that of the mean cross entropy of the support at c_(t-1), divided by the
    number of its images once more. For each weight by itself, of the same parameters:
    a plain LSTM reads [pre(loss_t), pre(grad_t)] and gives h_t;

        f_t = sigmoid(W_f [h_t, c_(t-1), f~_(t-1)] + b_f), i_t likewise,

    where f~ is f before its sigmoid, 0 at first. c_0, the learner's start, is trained
    too. Losses and gradients of the learner are constants for the meta-gradient.
    A learner's batch norm begins with statistics of its own, which its support
    moves; with them it classifies at test, with the queries' in training.

    Reference: Ravi and Larochelle, "Optimization as a Model for Few-Shot Learning",
        ICLR 2017, section 3; code twitter/meta-learning-lstm (0df7fc7).
    """

    Options = MetaLSTMOptions
    # The share of the old average is 0.1 in the code (0.05 with five shots).
    defaults: ClassVar[dict[str, object]] = {
        "encoder_width": 0.5,
        "batch_norm_momentum": 0.1,
    }
    statistics: ClassVar[tuple[str, ...]] = ("moving", "support", "episode", "query")

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        self.reader = lstm.LSTM(
            4,
            options.lstm_hidden,
            "reader",
            lambda i: _uniform(-_START, _START, seed + 1 + i),
        )
        self.gates = Gates(options.lstm_hidden, seed + 4)

    @property
    def matching_layers(self):
        """The output layer of a learner, and the meta-learner."""
        return (self.classifier, self.reader, self.gates)

    def learned(self, support):
        """c_T and the learner's statistics after its support.

        Args:
            support: float32 [N, K, H, W, 3].

        Returns:
            Weights and statistics in the order of `FastWeights`.
        """
        ways, shots = support.shape[:2]
        flat = tf.reshape(support, (ways * shots, *support.shape[2:]))
        labels = tf.repeat(tf.range(ways), shots)
        cell = _joined(self._fast.own())
        statistics = [
            tf.ones_like(s) if v.path.endswith("variance") else tf.zeros_like(s)
            for v, s in zip(
                self._fast.statistics, self._fast.own_statistics(), strict=True
            )
        ]
        state = self.reader.start(tf.shape(cell)[0])
        before = (tf.zeros_like(cell), tf.zeros_like(cell))
        for _ in range(self.updates):
            loss, gradient, statistics = self._gradient(cell, flat, labels, statistics)
            gradient /= ways * shots
            of_loss = tf.tile(preprocessed(loss[tf.newaxis]), [tf.shape(cell)[0], 1])
            inputs = tf.concat([of_loss, preprocessed(gradient)], axis=-1)
            state = self.reader(inputs, state)
            before = self.gates(state[0], cell, before)
            forget, take = (tf.sigmoid(gate) for gate in before)
            cell = forget * cell - take * gradient
        return self._apart(cell), statistics

    @property
    def updates(self) -> int:
        """T."""
        return self.options.lstm_updates or (12 if self.options.shots == 1 else 8)

    def _gradient(self, cell, images, labels, statistics):
        """A learner's loss, its gradient [P] and its statistics after it: constants."""
        weights = [tf.stop_gradient(w) for w in self._apart(cell)]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            logits, statistics = self._fast.logits(images, weights, statistics, True)
            loss = losses.identification_loss(logits, labels)
            loss /= tf.cast(tf.shape(labels)[0], tf.float32)
        gradient = _joined(tape.gradient(loss, weights))
        statistics = [tf.stop_gradient(s) for s in statistics]
        return tf.stop_gradient(loss), tf.stop_gradient(gradient), statistics

    def _apart(self, cell):
        """[P] -> the weights in their shapes."""
        shapes = [tuple(v.shape) for v in self._fast.variables]
        parts = tf.split(cell, [int(np.prod(shape)) for shape in shapes])
        return [tf.reshape(p, s) for p, s in zip(parts, shapes, strict=True)]

    def training_logits(self, support, queries):
        """Of c_T, normalised by the queries; see `EpisodicMethod`."""
        weights, statistics = self.learned(support)
        return self._fast.logits(queries, weights, statistics, True)[0]

    def clipped(self, gradients):
        """All together, by their length."""
        return tf.clip_by_global_norm(gradients, self.options.lstm_clip)[0]

    def scores_of_images(self, support, queries, statistics):
        """Logits of c_T; see `FewShotMethod`."""
        weights, own = self.learned(support)
        flat = tf.reshape(support, (-1, *support.shape[2:]))
        if statistics == "support":
            # Its own are of the weights before the last update.
            own = self._fast.logits(flat, weights, own, True)[1]
        if statistics != "query":
            return self._fast.logits(queries, weights, own, statistics == "episode")[0]
        return episode_statistics.with_each(
            flat,
            queries,
            lambda images: self._fast.logits(images, weights, own, True)[0][-1],
        )


class Gates(keras.layers.Layer):
    """f and i of each weight before their sigmoids.

    They begin so that a learner takes plain gradient steps: f near 0.99, i near 0.01.

    Args:
        hidden: Numbers that are read of each weight.
        seed: Of the start.
    """

    def __init__(self, hidden: int, seed: int):
        super().__init__(name="gates", dtype="float32")
        kernels, biases = [], []
        for i, (name, low, high) in enumerate((("forget", 4, 5), ("take", -5, -4))):
            kernels.append(
                self.add_weight(
                    name=f"{name}_kernel",
                    shape=(hidden + 2, 1),
                    initializer=_uniform(-_START, _START, seed + 2 * i),
                )
            )
            biases.append(
                self.add_weight(
                    name=f"{name}_bias",
                    shape=(1,),
                    initializer=_uniform(low, high, seed + 2 * i + 1),
                )
            )
        self.kernels, self.biases = kernels, biases
        self.built = True

    def call(self, hidden, cell, before):
        """[P, hidden], [P] and the last ones, two of [P] -> two of [P]."""
        return tuple(
            tf.matmul(
                tf.concat([hidden, cell[:, tf.newaxis], last[:, tf.newaxis]], axis=-1),
                tf.convert_to_tensor(kernel),
            )[:, 0]
            + tf.convert_to_tensor(bias)
            for kernel, bias, last in zip(
                self.kernels, self.biases, before, strict=True
            )
        )


def preprocessed(values):
    """Two numbers for each, of like sizes whatever its own: [n] -> [n, 2].

    (log|x| / p, sign x) where |x| > e^-p, else (-1, e^p x); p = 10.
    """
    size = tf.abs(values)
    large = size > tf.exp(-_EXPONENT)
    logarithm = tf.math.log(tf.where(large, size, tf.ones_like(size))) / _EXPONENT
    return tf.stack(
        [
            tf.where(large, logarithm, -tf.ones_like(values)),
            tf.where(large, tf.sign(values), tf.exp(_EXPONENT) * values),
        ],
        axis=-1,
    )


def _joined(tensors):
    return tf.concat([tf.reshape(t, [-1]) for t in tensors], axis=0)


def _uniform(low, high, seed):
    return keras.initializers.RandomUniform(low, high, seed=seed)
