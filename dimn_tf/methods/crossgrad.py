"""CrossGrad: labels learned on inputs that are moved towards another domain."""

import dataclasses
from typing import Any, ClassVar, NamedTuple

import keras
import tensorflow as tf

from dimn_tf import config, losses
from dimn_tf.encoders import fused_batch_norm
from dimn_tf.methods import base, euclidean, fast_weights, replica_context

DOMAIN_NETS = ("whole", "small")
_SMALL_CHANNELS = (32, 64, 128)  # Of the small domain net, each at half the size.


@dataclasses.dataclass(frozen=True)
class CrossGradOptions(base.ClassifierOptions):
    """CrossGrad's constants."""

    crossgrad_alpha: float = config.option(
        0.5,
        "alpha_l and alpha_d, the share of the perturbed images in both losses; "
        "CrossGrad's code: 0.5.",
        least=0,
        most=1,
    )
    crossgrad_epsilon: float = config.option(
        1.0,
        "eps_l and eps_d, times the clipped input gradients, in the network's units; "
        "ours: 1, as Dassl on deep nets (CrossGrad's code: 10, on inputs in -1..1).",
        least=0,
    )
    crossgrad_clip: float = config.option(
        0.1,
        "Each number of an input gradient is cut to this, up and down; CrossGrad's "
        "code: 0.1 (its paper does not clip).",
        least=0,
    )
    crossgrad_domain_net: str = config.option(
        "whole",
        "The domain net: a second encoder (whole, as published), or three small "
        "convolutions (small), at half the cost.",
        choices=DOMAIN_NETS,
    )


class CrossGrad(euclidean.EuclideanMethod):
    """Domain generalization by perturbation along the other net's input gradient.

    With J_l the label net's mean cross entropy and J_d the domain net's,

        x_d = x + eps grad_x J_d(x, d),    x_l = x + eps grad_x J_l(x, y),

    both constants; the label net descends (1 - alpha) J_l(x, y) + alpha J_l(x_d, y),
    the domain net (1 - alpha) J_d(x, d) + alpha J_d(x_l, d).

    The domain d is the camera, as in DIMN's comparison, numbered over all sources.
    Real and perturbed images go through the nets one after the other, so that batch
    norm does not mix them, and only the real ones move its averages. The domain net
    stays out of exports.

    Otherwise here: Adam (CrossGrad: RMSProp), and one eps and one alpha for both nets.
    Not taken over: the label net of the paper also reads the domain net's features
    (its Eq. 1); Algorithm 1 and both public codes do without.

    Reference: Shankar et al., "Generalizing Across Domains via Cross-Gradient
        Training", ICLR 2018, Algorithm 1; code vihari/crossgrad (1ec6bd6).
    """

    Options = CrossGradOptions
    defaults: ClassVar[dict[str, str]] = {"domain_sampling": "all"}
    # An input gradient under a loss scale would be clipped at another size.
    precisions: ClassVar[tuple[str, ...]] = ("float32",)

    def build_training(self, labels, request):
        """Makes f_theta and the domain net; see `Method.build_training`."""
        super().build_training(labels, request)
        options = self.options
        self.classifier = self.add_classifier(
            "classifier", labels.num_identities, self.seed, options.classifier_bias
        )
        if options.crossgrad_domain_net == "whole":
            self.domain_encoder = self.encoder.copy("domain_")
        else:
            self.domain_encoder = self.encoder.with_network(
                _small_network(self.encoder), "domain_encoder"
            )
        self.domain_classifier = keras.layers.Dense(
            labels.num_cameras,
            kernel_initializer=keras.initializers.GlorotUniform(seed=self.seed + 1),
            dtype="float32",
            name="domain_classifier",
        )
        self.domain_classifier.build((None, self.domain_encoder.feature_dimension))

    def after_taking_over(self, names):
        """The domain net starts as the encoder does; see `Trainable`."""
        whole = self.options.crossgrad_domain_net == "whole"
        if whole and not any(name.startswith("domain_") for name in names):
            self.domain_encoder.take_values(self.encoder)

    @classmethod
    def encoder_passes(cls, options, domains):
        """Real and perturbed images, through as many whole encoders; see `Method`."""
        del domains
        return 4.0 if options.crossgrad_domain_net == "whole" else 2.0

    def train_step(self, batch):
        """One step of both nets; see `Method.train_step`."""
        options = self.options
        images, labels = base.image_by_image(batch)
        domains = tf.reshape(tf.transpose(batch["cameras"]), [-1])
        inputs = self.encoder.kind.preprocess(images)
        replicas, _ = replica_context.replica_of()
        count = tf.cast(tf.shape(inputs)[0] * replicas, tf.float32)
        nets = (
            _Net(self.encoder, self.classifier, labels, options.label_smoothing),
            _Net(self.domain_encoder, self.domain_classifier, domains),
        )
        # One way back gives a loss's gradient by the images and by the weights.
        real = [net.step(inputs) for net in nets]
        towards_labels, towards_domains = (
            # Gradients of means over the whole batch.
            self._moved(inputs, found.by_inputs / count)
            for found in real
        )
        perturbed = [
            net.step(moved, keep_averages=True)
            for net, moved in zip(nets, (towards_domains, towards_labels), strict=True)
        ]
        share = options.crossgrad_alpha
        label_loss, domain_loss = (
            (1.0 - share) * a.loss + share * b.loss
            for a, b in zip(real, perturbed, strict=True)
        )
        self.optimizer.apply_gradients(
            ((1.0 - share) * of_real + share * of_perturbed, variable)
            for net, a, b in zip(nets, real, perturbed, strict=True)
            for variable, of_real, of_perturbed in zip(
                net.variables, a.by_variables, b.by_variables, strict=True
            )
        )
        logits, domain_logits = (found.logits for found in real)
        moved = tf.reduce_mean(tf.abs(towards_domains - inputs), axis=(1, 2, 3))
        return replica_context.batch_means(
            {
                "loss": label_loss + domain_loss,
                "identification": label_loss,
                "domain": domain_loss,
                "identification_accuracy": base.correct(logits, labels),
                "domain_accuracy": base.correct(domain_logits, domains),
                "perturbation": tf.reduce_sum(moved) / self._units_of_a_level(),
            },
            tf.shape(labels)[0],
        )

    def _moved(self, inputs, gradient):
        """Inputs and eps times their clipped gradient, a constant."""
        most = self.options.crossgrad_clip
        step = tf.clip_by_value(gradient, -most, most)
        return tf.stop_gradient(inputs + self.options.crossgrad_epsilon * step)

    def _units_of_a_level(self):
        """What one of 255 grey levels is in the network's units."""
        ends = tf.constant([0.0, 255.0])[:, tf.newaxis, tf.newaxis, tf.newaxis]
        black, white = tf.unstack(
            self.encoder.kind.preprocess(tf.tile(ends, [1, 1, 1, 3]))
        )
        return tf.reduce_mean(white - black) / 255.0


class _Step(NamedTuple):
    """What a net makes of a batch: sums over its rows, and gradients of their loss."""

    logits: tf.Tensor
    loss: tf.Tensor
    by_inputs: tf.Tensor
    by_variables: list[tf.Tensor]


@dataclasses.dataclass(frozen=True)
class _Net:
    """An encoder with its classifier, and what the classifier should say."""

    encoder: Any
    classifier: keras.layers.Layer
    labels: tf.Tensor
    label_smoothing: float = 0.0

    @property
    def variables(self):
        """What is trained of both."""
        return [
            *self.encoder.trainable_variables,
            *self.classifier.trainable_variables,
        ]

    def step(self, inputs, keep_averages: bool = False) -> _Step:
        """Forward and back on preprocessed images.

        Args:
            inputs: [n, H, W, 3].
            keep_averages: Whether batch norm's moving averages stay as they are.
        """
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            logits = self.classifier(self._features(inputs, keep_averages))
            loss = losses.identification_loss(logits, self.labels, self.label_smoothing)
        by_inputs, *by_variables = tape.gradient(loss, [inputs, *self.variables])
        return _Step(logits, loss, by_inputs, by_variables)

    def _features(self, inputs, keep_averages):
        if not keep_averages:
            return self.encoder.of_preprocessed(inputs, training=True)
        held = fast_weights.FastWeights(self.encoder.parts)
        weights, statistics = held.own(), held.own_statistics()
        features, _ = held.call(
            self.encoder.backbone, inputs, weights, statistics, training=True
        )
        features = self.encoder.pooling(features)
        if self.encoder.neck is not None:
            features, _ = held.call(
                self.encoder.neck, features, weights, statistics, training=True
            )
        return features


def _small_network(encoder) -> keras.Model:
    """Three convolutions with batch norm, each at half the size."""
    images = keras.Input(encoder.backbone.input_shape[1:])
    hidden = images
    for i, channels in enumerate(_SMALL_CHANNELS):
        hidden = keras.layers.Conv2D(
            channels,
            3,
            strides=2,
            padding="same",
            use_bias=False,
            name=f"domain_convolution_{i}",
        )(hidden)
        hidden = fused_batch_norm.FusedBatchNormalization(
            momentum=encoder.batch_norm_momentum, name=f"domain_norm_{i}"
        )(hidden)
        hidden = keras.layers.ReLU(name=f"domain_relu_{i}")(hidden)
    return keras.Model(images, hidden)
