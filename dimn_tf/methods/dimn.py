"""DIMN, the Domain-Invariant Mapping Network."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from dimn_tf import config, errors, losses, memory_bank
from dimn_tf.methods import base, batch_hard, replica_context

MAPPING_STARTS = ("identity", "random")


@dataclasses.dataclass(frozen=True)
class DIMNOptions(base.FeatureTripletOptions, base.ClassifierOptions):
    """DIMN's constants; each that the paper does not give is marked as ours."""

    running_average: float = config.option(
        0.5,
        "alpha of Eq. 5, share of the new classifier in the memory; paper: 0.5.",
        least=0,
        most=1,
    )
    triplet_margin: float = config.option(
        0.8, "Delta of Eq. 7, in probability; paper: 0.8.", least=0
    )
    matching_weight: float = config.option(1.0, "lambda_1 of Eq. 8; paper: 1.", least=0)
    regularisation_weight: float = config.option(
        0.01, "lambda_2 of Eq. 8; paper: 0.01.", least=0
    )
    triplet_weight: float = config.option(1.0, "lambda_3 of Eq. 8; paper: 1.", least=0)
    identified_branches: str = config.option(
        "probe",
        "Whose images Eq. 1 classifies: the probe branch's (paper), or, ours, both "
        "branches' (the mean of the two losses).",
        choices=("probe", "both"),
    )
    memory_start: str = config.option(
        "zeros",
        "W before the first step; ours: zeros (the paper does not say).",
        choices=memory_bank.INITIALISERS,
    )
    mapping_start: str = config.option(
        "identity",
        "The mapping's kernel before the first step; ours: identity, which learns "
        "faster than random (Glorot) values; the paper does not say.",
        choices=MAPPING_STARTS,
    )
    mapping_bias: bool = config.option(
        False, "Whether the mapping has a bias; ours: none (the paper does not say)."
    )
    mapping_activation: str = config.option(
        "linear",
        'The mapping\'s activation; ours: linear ("one fully connected layer").',
        choices=("linear", "relu", "leaky_relu", "tanh"),
    )
    normalise_classifiers: bool = config.option(
        True,
        "Whether predicted classifiers are scaled to unit length, in Eq. 4, in Eq. 6 "
        "and at test; ours (the paper does not say).",
    )
    normalise_probes: bool = config.option(
        False,
        "Whether probe features are scaled to unit length in Eq. 4. Ours; paper: no.",
    )
    logit_scale: float = config.option(
        1.0, "Multiplies the logits of Eq. 4. Ours; paper: none, 1.", least=1e-12
    )
    memory_bank: bool = config.option(
        True,
        "Whether probes are matched against all training identities; without, against "
        "the batch's alone, with neither Eq. 5 nor Eq. 6 (the paper's Table 7).",
    )


class DIMN(base.Method):
    """Maps one gallery image to the classifier of its identity (Algorithm 1).

    Parts: the encoder g (Siamese: both branches in one pass), the mapping h (one
    Dense layer, D -> D), the memory bank W (see `memory_bank.MemoryBank`) and the
    identity classifier f_theta.

    At test the score of probe x against gallery image x~ is h(g(x~)) . g(x): the
    gallery side goes through the mapping, the probe side does not.

    Reference: Song et al., "Generalizable Person Re-identification by
        Domain-Invariant Mapping Network", CVPR 2019.
    """

    Options = DIMNOptions
    score_name: ClassVar[str] = "mapping"
    has_score_maps: ClassVar[bool] = True

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        dimension = encoder.feature_dimension
        self.mapping = keras.layers.Dense(
            dimension,
            activation=options.mapping_activation,
            use_bias=options.mapping_bias,
            kernel_initializer=(
                keras.initializers.Identity()
                if options.mapping_start == "identity"
                else keras.initializers.GlorotUniform(seed=seed + 1)
            ),
            name="mapping",
        )
        self.mapping.build((None, dimension))

    @classmethod
    def batch_request(cls, data, options):
        """A gallery and a probe image of each identity; see `Method.batch_request`."""
        if data.images_per_identity != 2:
            raise errors.UserError(
                f"--images_per_identity={data.images_per_identity}: this method takes "
                "2, a gallery and a probe image of each identity (Algorithm 1). Leave "
                "the flag out."
            )
        return super().batch_request(data, options)

    def build_training(self, labels, request):
        """Makes f_theta and W; see `Method.build_training`."""
        super().build_training(labels, request)
        self.classifier = self.add_classifier(
            "classifier", labels.num_identities, self.seed, self.options.classifier_bias
        )
        if self.options.memory_bank:
            self.memory_bank = memory_bank.MemoryBank(
                labels.num_identities,
                self.feature_dimension,
                running_average=self.options.running_average,
                initialiser=self.options.memory_start,
                seed=self.seed + 2,
            )

    def predicted_classifiers(self, gallery_features):
        """that = h(g(x~)) (Eq. 2): [n, D] -> [n, D] float32."""
        predicted = tf.cast(self.mapping(gallery_features), tf.float32)
        if self.options.normalise_classifiers:
            predicted = tf.math.l2_normalize(predicted, axis=-1)
        return predicted

    def training_losses(self, batch) -> tuple[dict[str, tf.Tensor], tuple]:
        """Steps 2 to 9 of Algorithm 1, without the optimiser.

        Args:
            batch: See `Method`; under a strategy, this replica's share.

        Returns:
            Sums over the batch by name (`loss` is Eq. 8), and what the update of
            the memory takes: labels and predicted classifiers of all replicas.
        """
        options, labels = self.options, batch["labels"]
        images, of_images = base.image_by_image(batch)
        pooled, features = self.encoder.pooled_and_features(images, training=True)
        gallery, probes = tf.split(features, 2, axis=0)
        identified, identities, share = probes, labels, 1.0
        if options.identified_branches == "both":
            # The mean of the branches' losses, so that the lambdas keep their meaning.
            identified, identities = features, of_images
            share = 0.5
        logits = self.classifier(identified)
        own = self.predicted_classifiers(gallery)
        all_labels, predicted = (
            replica_context.all_rows(labels),
            replica_context.all_rows(own),
        )
        online, columns = self._online_logits(probes, labels, all_labels, predicted)
        smoothing = options.label_smoothing
        identification = share * losses.identification_loss(
            logits, identities, smoothing
        )
        matching = losses.matching_loss(online, columns, smoothing)
        regularisation = tf.zeros([])
        if options.memory_bank:
            regularisation = losses.regularisation_loss(
                self.memory_bank.columns(labels), own
            )
        triplet = losses.logit_triplet_loss(online, columns, options.triplet_margin)
        loss = losses.full_loss(
            identification,
            matching,
            regularisation,
            triplet,
            options.matching_weight,
            options.regularisation_weight,
            options.triplet_weight,
        )
        more = {}
        if options.feature_triplet_weight:
            found, *_ = batch_hard.loss(
                tf.cast(pooled, tf.float32), of_images, options.feature_triplet_margin
            )
            more["feature_triplet"] = 0.5 * found  # Eq. 1 has one image of each two.
            loss += options.feature_triplet_weight * more["feature_triplet"]
        sums = {
            "loss": loss,
            "identification": identification,
            "matching": matching,
            "regularisation": regularisation,
            "logit_triplet": triplet,
            **more,
            "identification_accuracy": share * base.correct(logits, identities),
            "matching_accuracy": base.correct(online, columns),
        }
        return sums, (all_labels, predicted)

    def _online_logits(self, probes, labels, all_labels, predicted):
        """Logits of Eq. 4, and the column of each probe's identity in them.

        Returns:
            float32 [b, C] and the labels; without a memory bank [b, B], over the B
            identities of the whole batch, and their places in it.
        """
        probes, scale = self.probe_representation(probes), self.options.logit_scale
        if self.options.memory_bank:
            online = self.memory_bank.online_logits(
                probes, all_labels, predicted, scale
            )
            return online, labels
        online = tf.matmul(
            tf.cast(probes, tf.float32) * scale, predicted, transpose_b=True
        )
        is_own = labels[:, tf.newaxis] == all_labels[tf.newaxis, :]
        return online, tf.argmax(is_own, axis=-1, output_type=labels.dtype)

    def train_step(self, batch):
        """One iteration of Algorithm 1; see `Method.train_step`."""
        with tf.GradientTape() as tape:
            sums, update = self.training_losses(batch)
        self.minimise(tape, sums["loss"])
        if self.options.memory_bank:
            self.memory_bank.update(*update)
        return replica_context.batch_means(sums, tf.shape(batch["labels"])[0])

    @property
    def inner_product_scale(self):
        """The logit scale: the score is a dot product."""
        return self.options.logit_scale

    @property
    def matching_layers(self):
        """The mapping."""
        return (self.mapping,)

    def probe_representation(self, features):
        """g(x), of unit length if `normalise_probes`."""
        if self.options.normalise_probes:
            return tf.math.l2_normalize(features, axis=-1)
        return features

    def gallery_representation(self, features):
        """The predicted classifiers h(g(x~))."""
        return self.predicted_classifiers(features)

    def score(self, probes, gallery):
        """h(g(x~)) . g(x), times the logit scale: [P, D], [G, D] -> [P, G] float32."""
        return self.options.logit_scale * tf.matmul(probes, gallery, transpose_b=True)

    def score_maps(self, probe_maps, gallery_maps):
        """Shares of places in h(g(x~)) . g(x); see `Method.score_maps`.

        g(x) is the mean of its feature map F over the places, so that the share of a
        place u of the probe is h(g(x~)) . F_u / (places): exact, as the score is
        linear in F. It is not in the gallery image's: there the length that the
        classifier is divided by (`normalise_classifiers`) is held constant, as is the
        slope act(z) / z of an activation, and a bias is shared out evenly; of a linear
        mapping without a bias, the share of u is (h's kernel times F_u) . g(x) /
        (length) / (places). `normalise_probes` is held constant likewise.
        """
        probe_maps = self._represented(probe_maps)
        gallery_maps = tf.cast(gallery_maps, tf.float32)
        probes = tf.reduce_mean(probe_maps, axis=(1, 2))
        gallery = tf.reduce_mean(gallery_maps, axis=(1, 2))
        scale = self.options.logit_scale
        kernel = tf.cast(self.mapping.kernel, tf.float32)
        mapped = tf.matmul(gallery, kernel)
        bias = tf.zeros_like(mapped[0])
        if self.mapping.use_bias:
            bias = tf.cast(self.mapping.bias, tf.float32)
        mapped += bias
        predicted = self.mapping.activation(mapped)
        slope = tf.math.divide_no_nan(predicted, mapped)
        if self.options.normalise_classifiers:
            length = _inverse_length(predicted)
            predicted, slope = predicted * length, slope * length
        weighted = scale * slope * probes
        back = tf.matmul(weighted, kernel, transpose_b=True)
        constant = tf.reduce_sum(weighted * bias, axis=-1)[:, None, None]
        return (
            _shares(probe_maps, scale * predicted),
            _shares(gallery_maps, back) + constant / _places(gallery_maps),
        )

    def probe_score_maps(self, probe_maps, classifiers):
        """v . F_u / (places), times the scale; see `Method.probe_score_maps`."""
        vectors = self.options.logit_scale * tf.cast(classifiers, tf.float32)
        return _shares(self._represented(probe_maps), vectors)

    def _represented(self, probe_maps):
        """Maps whose mean is `probe_representation`: [n, h, w, D] -> the same."""
        probe_maps = tf.cast(probe_maps, tf.float32)
        if self.options.normalise_probes:
            length = _inverse_length(tf.reduce_mean(probe_maps, axis=(1, 2)))
            probe_maps *= length[:, None, None]
        return probe_maps


def _shares(maps, vectors):
    """What each place adds to the mean map's inner product with a vector.

    Maps [n, h, w, D] (or one for all, [1, h, w, D]) and vectors [n, D] -> [n, h, w].
    """
    return tf.einsum("...hwd,...d->...hw", maps, vectors) / _places(maps)


def _places(maps):
    """h w of [n, h, w, D], float32 scalar."""
    return tf.cast(tf.reduce_prod(tf.shape(maps)[1:3]), tf.float32)


def _inverse_length(vectors):
    """What `tf.math.l2_normalize` multiplies by: [n, D] -> [n, 1]."""
    squares = tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True)
    return tf.math.rsqrt(tf.maximum(squares, 1e-12))
