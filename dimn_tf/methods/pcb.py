"""PCB: a classifier for each horizontal part of the image."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from dimn_tf import config, errors, losses
from dimn_tf.methods import base, part_reduction, replica_context, step_dropout

_CLASSIFIER_DEVIATION = 0.001  # Of U_i before the first step, as in the official code.


@dataclasses.dataclass(frozen=True)
class PCBOptions(base.SmoothingOptions):
    """PCB's constants; the official code's unless it says otherwise."""

    pcb_parts: int = config.option(6, "p, horizontal parts; PCB: 6.", least=1)
    pcb_dimension: int = config.option(
        256, "Of each part's reduced feature h_i; PCB: 256.", least=1
    )
    pcb_own_reductions: bool = config.option(
        False,
        "Whether each part has a reduction (1x1 convolution and batch norm) of its "
        "own, as reproductions have it; PCB's official code shares one.",
    )
    pcb_features: str = config.option(
        "G",
        "What is matched: the parts' means, G (default), or their reduced features, H; "
        "PCB has both.",
        choices=("G", "H"),
    )
    pcb_dropout: float = config.option(
        0.5, "Of the parts' means before the reduction; PCB: 0.5.", least=0, most=0.99
    )


class PCB(base.Method):
    """Part-based Convolutional Baseline: six stripes, six classifiers.

    The feature map T [h, w, D] of an encoder of stride 16 is cut into p horizontal
    parts; g_i is the mean of part i, h_i = ReLU(BN(V dropout(g_i))) its reduction, and
    each part classifies the identity by itself,

        L = sum_i CE(y, softmax(U_i h_i + b_i)).

    Images are matched by the parts' features, each of unit length, put together.

    Where p does not divide h, the parts are the official code's windows, which overlap.

    Reference: Sun et al., "Beyond Part Models: Person Retrieval with Refined Part
        Pooling", ECCV 2018, section 3; code syfafterzy/PCB_RPP_for_reID (e29cf54).
    """

    Options = PCBOptions
    defaults: ClassVar[dict[str, object]] = {
        "domain_sampling": "all",
        "encoder": "resnet50",
        "encoder_width": 1.0,
        "encoder_stride": 16,
        "image_height": 384,
        "image_width": 128,
    }
    score_name: ClassVar[str] = "parts"

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        self._windows = windows(encoder.map_height, options.pcb_parts)
        self.reduction = None
        if options.pcb_features == "H":
            self.reduction = self._make_reduction()

    def build_training(self, labels, request):
        """Makes V and the U_i; see `Method.build_training`."""
        super().build_training(labels, request)
        options = self.options
        if self.reduction is None:
            self.reduction = self._make_reduction()
        shape = (options.pcb_parts, labels.num_identities)
        self.classifiers = keras.layers.EinsumDense(
            "npe,pec->npc",
            output_shape=shape,
            bias_axes="pc",
            kernel_initializer=keras.initializers.RandomNormal(
                stddev=_CLASSIFIER_DEVIATION, seed=self.seed
            ),
            dtype="float32",
            name="part_classifiers",
        )
        self.classifiers.build((None, options.pcb_parts, options.pcb_dimension))

    def _make_reduction(self):
        return part_reduction.PartReduction(
            self.options.pcb_parts,
            self.feature_dimension,
            self.options.pcb_dimension,
            self.options.pcb_own_reductions,
            self.encoder.batch_norm_momentum,
            self.seed + 1,
        )

    def part_means(self, maps):
        """g_1 .. g_p: [n, h, w, D] -> [n, p, D] float32."""
        rows = tf.reduce_mean(tf.cast(maps, tf.float32), axis=2)
        parts = [tf.reduce_mean(rows[:, a:b], axis=1) for a, b in self._windows]
        return tf.stack(parts, axis=1)

    def train_step(self, batch):
        """One iteration of the parts' cross entropies; see `Method.train_step`."""
        images, labels = base.image_by_image(batch)
        parts = self.options.pcb_parts
        kept = self._dropout_mask(batch)
        with tf.GradientTape() as tape:
            means = self.part_means(self.encoder.feature_maps(images, training=True))
            logits = self.classifiers(self.reduction(means * kept, training=True))
            of_parts = [
                losses.identification_loss(
                    logits[:, i], labels, self.options.label_smoothing
                )
                for i in range(parts)
            ]
            loss = tf.add_n(of_parts)
        self.minimise(tape, loss)
        correct = tf.add_n([base.correct(logits[:, i], labels) for i in range(parts)])
        return replica_context.batch_means(
            {
                "loss": loss,
                "identification": loss,
                "identification_accuracy": correct / parts,
            },
            tf.shape(labels)[0],
        )

    def _dropout_mask(self, batch):
        """Of g: [n, p, D]; see `step_dropout`."""
        shape = (self.options.pcb_parts, self.feature_dimension)
        rate, step = self.options.pcb_dropout, self.optimizer.iterations
        return step_dropout.mask(batch, shape, rate, self.seed, step)

    def embed(self, images):
        """G or H, all parts together: [n, p E] float32."""
        features = self.part_means(self.encoder.feature_maps(images, training=False))
        if self.options.pcb_features == "H":
            features = self.reduction(features, training=False)
        return tf.reshape(features, (-1, self.representation_dimension))

    @property
    def representation_dimension(self):
        """p times the dimension of a part's feature."""
        of_part = self.feature_dimension
        if self.options.pcb_features == "H":
            of_part = self.options.pcb_dimension
        return self.options.pcb_parts * of_part

    @property
    def matching_layers(self):
        """The reduction, where H is matched."""
        return (self.reduction,) if self.options.pcb_features == "H" else ()

    @property
    def inner_product_scale(self):
        """One over the parts: the score is the mean of their cosines."""
        return 1.0 / self.options.pcb_parts

    def probe_representation(self, features):
        """Each part of unit length: [n, p E] -> [n, p E]."""
        parts = tf.reshape(
            features, (tf.shape(features)[0], self.options.pcb_parts, -1)
        )
        return tf.reshape(tf.math.l2_normalize(parts, axis=-1), tf.shape(features))

    def gallery_representation(self, features):
        """As the probe's."""
        return self.probe_representation(features)

    def score(self, probes, gallery):
        """Mean of the parts' cosines (its ranking is the Euclidean distance's)."""
        return self.inner_product_scale * tf.matmul(probes, gallery, transpose_b=True)


def windows(height: int, parts: int) -> list[tuple[int, int]]:
    """First row and the one behind the last of each part: stripes, or windows.

    The official code's: windows of h - (p - 1) s rows at a stride of s = h // p.

    Raises:
        errors.UserError: a map of fewer rows than parts.
    """
    if height < parts:
        raise errors.UserError(
            f"--pcb_parts={parts}: the encoder's feature map has {height} rows, "
            "expected at least one a part. Give --encoder_stride=16, a greater "
            "--image_height or fewer parts."
        )
    stride = height // parts
    rows = height - (parts - 1) * stride
    return [(i * stride, i * stride + rows) for i in range(parts)]
