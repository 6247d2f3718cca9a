"""MAML: weights from which a few gradient steps on the support suffice."""

import dataclasses
from typing import ClassVar

import tensorflow as tf

from dimn_tf import config, losses
from dimn_tf.encoders import instance_norm
from dimn_tf.fewshot import episode_statistics, fine_tuned, options


@dataclasses.dataclass(frozen=True)
class MAMLOptions(options.FineTunedOptions):
    """MAML's constants; its official code's unless it says otherwise."""

    maml_inner_rate: float = config.option(
        0.01,
        "alpha, on N times the mean of the support's cross entropies; MAML: 0.01.",
        least=0,
    )
    maml_inner_steps: int = config.option(
        5, "Inner steps in training; MAML: 5.", least=1
    )
    maml_test_steps: int = config.option(
        10, "Inner steps at test; MAML: 10.", changes_result=False, least=1
    )
    maml_first_order: bool = config.option(
        False, "Whether the inner gradients count as constants; MAML: no."
    )
    maml_clip: float = config.option(
        10.0,
        "Each number of the outer gradient is within +- this; MAML: 10.",
        least=1e-6,
    )


class MAML(fine_tuned.FineTunedMethod):
    """phi_0 = theta; phi_(t+1) = phi_t - alpha grad L_support(phi_t).

    theta takes a step of Adam on the mean over tasks of L_query(phi_T), through the
    inner steps. Convolutions and the output layer take inner steps; batch norm's scale
    and shift are part of theta alone, and its statistics are always those of the images
    at hand: with the published test, of all queries of an episode (transductive).

    Reference: Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning for Fast Adaptation
        of Deep Networks", ICML 2017, Algorithm 2; code cbfinn/maml (a7f45f1). There the
        sum over a class' images of 1 / K of their losses is what inner steps descend.
    """

    Options = MAMLOptions
    defaults: ClassVar[dict[str, object]] = {"encoder_width": 0.5, "tasks": 4}
    statistics: ClassVar[tuple[str, ...]] = ("episode", "query")
    tested_with: ClassVar[tuple[str, ...]] = ("maml_test_steps",)

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        norms = {
            id(v)
            for part in encoder.parts
            for layer in (part, *getattr(part, "layers", ()))
            if hasattr(layer, "moving_mean")
            or isinstance(layer, instance_norm.InstanceNormalization)
            for v in layer.trainable_variables
        }
        self._adapted = [id(v) not in norms for v in self._fast.variables]

    def logits(self, images, weights):
        """Of weights, normalised by the images themselves: [n, H, W, 3] -> [n, N]."""
        return self._fast.logits(images, weights, self._fast.own_statistics(), True)[0]

    def adapted(self, support, steps: int, constant: bool):
        """phi after some inner steps.

        Args:
            support: float32 [N, K, H, W, 3].
            steps: T.
            constant: Whether no gradient goes through the inner gradients.

        Returns:
            Weights in the order of `FastWeights.variables`.
        """
        ways, shots = support.shape[:2]
        flat = tf.reshape(support, (ways * shots, *support.shape[2:]))
        labels = tf.repeat(tf.range(ways), shots)
        weights = self._fast.own()
        for _ in range(steps):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                logits = self.logits(flat, weights)
                loss = losses.identification_loss(logits, labels) / shots
            gradients = tape.gradient(loss, weights)
            if constant:
                gradients = [tf.stop_gradient(g) for g in gradients]
            weights = [
                w - self.options.maml_inner_rate * g if moves else w
                for w, g, moves in zip(weights, gradients, self._adapted, strict=True)
            ]
        return weights

    def training_logits(self, support, queries):
        """Of phi_T; see `EpisodicMethod`."""
        options = self.options
        weights = self.adapted(
            support, options.maml_inner_steps, options.maml_first_order
        )
        return self.logits(queries, weights)

    def clipped(self, gradients):
        """Each number by itself."""
        most = self.options.maml_clip
        return [tf.clip_by_value(g, -most, most) for g in gradients]

    def scores_of_images(self, support, queries, statistics):
        """Logits of phi after the test's inner steps; see `FewShotMethod`."""
        weights = self.adapted(support, self.options.maml_test_steps, True)
        if statistics == "episode":
            return self.logits(queries, weights)
        flat = tf.reshape(support, (-1, *support.shape[2:]))
        return episode_statistics.with_each(
            flat, queries, lambda images: self.logits(images, weights)[-1]
        )
