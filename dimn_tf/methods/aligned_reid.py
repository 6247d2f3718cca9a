"""AlignedReID: rows of two images matched along a shortest path, in training only."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from dimn_tf import config, errors, losses
from dimn_tf.methods import base, batch_hard, euclidean, replica_context


@dataclasses.dataclass(frozen=True)
class AlignedReIDOptions(base.ClassifierOptions):
    """AlignedReID's constants."""

    aligned_margin: float = config.option(
        0.3, "Of both triplet losses; AlignedReID: 0.3.", least=0
    )
    aligned_dimension: int = config.option(
        128, "Of a row's local feature; AlignedReID: 128.", least=1
    )
    aligned_local_weight: float = config.option(
        1.0, "Of the local triplet loss; AlignedReID: 1; 0 leaves it out.", least=0
    )
    aligned_identification: bool = config.option(
        True,
        "Whether the global feature also classifies the identity, as in the paper and "
        "its authors' code; a reproduction found less with it.",
    )


class AlignedReID(euclidean.EuclideanMethod):
    """A global feature trained together with rows that are aligned.

    Global: f = the mean over all places of the feature map. Local: l_i = row i, its
    mean over the width, through a 1x1 convolution, batch norm and ReLU, of unit length
    (as its authors' code has it: else tanh below is flat). Between two images,

        d_ij = (exp(u) - 1) / (exp(u) + 1) = tanh(u / 2),  u = |l_i(a) - l_j(b)|,

    and their local distance is that of the shortest path from the first rows to the
    last ones. Of each image the furthest one of its identity and the nearest one of
    another are found by the global distance alone, over the batch; both triplet losses
    take these two. At test only f is used.

    Otherwise here: two images an identity, so that the furthest one is the only other
    one (AlignedReID: four), batches of one source domain, no weight decay unless
    --weight_decay says so, 256x128 pixels as in the reproduction (224x224 in the
    paper). Not taken over: mutual learning of two nets.

    Reference: Zhang et al., "AlignedReID: Surpassing Human-Level Performance in Person
        Re-Identification", arXiv 1711.08184, sections 3.1 and 3.2; code
        michuanhaohao/AlignedReID and huanghoujing/AlignedReID-Re-Production-Pytorch.
    """

    Options = AlignedReIDOptions
    defaults: ClassVar[dict[str, object]] = {
        "encoder": "resnet50",
        "encoder_width": 1.0,
    }

    @classmethod
    def batch_request(cls, data, options):
        """As the shared options say; see `Method.batch_request`."""
        batch_hard.refuse_single_images(data)
        return super().batch_request(data, options)

    @classmethod
    def classifies_all(cls, options):
        """Where it classifies at all; see `Method.classifies_all`."""
        return options.aligned_identification

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        if not options.aligned_identification:
            given = {
                "--feature_neck": encoder.neck is not None,
                f"--label_smoothing={options.label_smoothing:g}": (
                    options.label_smoothing
                ),
            }
            for flag in (flag for flag, is_given in given.items() if is_given):
                raise errors.UserError(
                    f"{flag}: --noaligned_identification leaves no classifier that "
                    "would use it. Leave one of the two out."
                )

    def build_training(self, labels, request):
        """Makes the rows' reduction and f_theta; see `Method.build_training`."""
        super().build_training(labels, request)
        options = self.options
        if options.aligned_local_weight:
            self.local = LocalRows(
                self.feature_dimension,
                options.aligned_dimension,
                self.encoder.batch_norm_momentum,
                self.seed + 1,
            )
        if options.aligned_identification:
            self.classifier = self.add_classifier(
                "classifier", labels.num_identities, self.seed, options.classifier_bias
            )

    def train_step(self, batch):
        """One iteration of both triplet losses; see `Method.train_step`."""
        options = self.options
        images, labels = base.image_by_image(batch)
        with tf.GradientTape() as tape:
            maps = self.encoder.feature_maps(images, training=True)
            features = tf.cast(self.encoder.pooling(maps), tf.float32)
            loss, positive, negative = batch_hard.loss(
                features, labels, options.aligned_margin
            )
            sums = {"global_triplet": loss}
            if options.aligned_local_weight:
                rows = self.local(maps, training=True)
                all_rows = replica_context.all_rows(rows)
                sums["local_triplet"] = batch_hard.triplet_loss(
                    local_distance(rows, tf.gather(all_rows, positive)),
                    local_distance(rows, tf.gather(all_rows, negative)),
                    options.aligned_margin,
                )
                loss += options.aligned_local_weight * sums["local_triplet"]
            if options.aligned_identification:
                logits = self.classifier(
                    self.encoder.after_pooling(features, training=True)
                )
                sums["identification"] = losses.identification_loss(
                    logits, labels, options.label_smoothing
                )
                sums["identification_accuracy"] = base.correct(logits, labels)
                loss += sums["identification"]
        self.minimise(tape, loss)
        return replica_context.batch_means({"loss": loss, **sums}, tf.shape(labels)[0])


class LocalRows(keras.layers.Layer):
    """l_1 .. l_h of a feature map: [n, h, w, D] -> [n, h, E] float32, unit length.

    Batch norm takes the statistics of the whole batch, over all replicas; its epsilon
    is Keras' 1e-3 (ours; the cited codes have their library's).

    Args:
        dimension: D.
        reduced: E.
        momentum: Of the moving averages, 0..1.
        seed: Of the 1x1 convolution's start (He).
    """

    def __init__(self, dimension, reduced, momentum, seed):
        super().__init__(name="local_rows", dtype="float32")
        self.linear = keras.layers.Dense(
            reduced,
            use_bias=False,  # Batch norm takes it away again.
            kernel_initializer=keras.initializers.HeNormal(seed=seed),
            dtype="float32",
            name="local_linear",
        )
        self.linear.build((None, None, dimension))
        self.norm = keras.layers.BatchNormalization(
            momentum=momentum, synchronized=True, dtype="float32", name="local_norm"
        )
        self.norm.build((None, None, reduced))
        self.built = True

    def call(self, maps, training=False):
        """Local features; see the class."""
        rows = tf.reduce_mean(tf.cast(maps, tf.float32), axis=2)
        reduced = tf.nn.relu(self.norm(self.linear(rows), training=training))
        return tf.math.l2_normalize(reduced, axis=-1)


def local_distance(a, b):
    """Length of the shortest path through the rows' distances, pair by pair.

    S_11 = d_11, S_ij = d_ij + min(S_(i-1)j, S_i(j-1)): a path goes down or right, and
    adds up 2 h - 1 distances.

    Args:
        a: [n, h, E], of unit length rows.
        b: Likewise.

    Returns:
        [n] float32, S_hh.
    """
    count = a.shape[1]
    squares = tf.reduce_sum(tf.square(a[:, :, tf.newaxis] - b[:, tf.newaxis]), axis=-1)
    steps = tf.tanh(tf.sqrt(tf.maximum(squares, batch_hard.SMALLEST_SQUARE)) / 2.0)
    lengths: dict[tuple[int, int], tf.Tensor] = {}
    for i in range(count):
        for j in range(count):
            before = [
                lengths[place] for place in ((i - 1, j), (i, j - 1)) if place in lengths
            ]
            shortest = tf.minimum(*before) if len(before) == 2 else sum(before)
            lengths[i, j] = steps[:, i, j] + shortest
    return lengths[count - 1, count - 1]
