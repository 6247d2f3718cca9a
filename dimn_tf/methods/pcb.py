"""PCB: a classifier for each horizontal part of the image."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from dimn_tf import config, losses
from dimn_tf.methods import (
    base,
    part_reduction,
    phase,
    replica_context,
    soft_parts,
    step_dropout,
    stripes,
)

_CLASSIFIER_DEVIATION = 0.001  # Of U_i before the first step, as in the official code.


@dataclasses.dataclass(frozen=True)
class PCBOptions(soft_parts.SoftPartsOptions, base.SmoothingOptions):
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
        0.5,
        "Of the parts' means before the reduction, and with --pcb_refined of the "
        "places' features that say which part a place belongs to; PCB: 0.5.",
        least=0,
        most=0.99,
    )


class PCB(base.Method):
    """Part-based Convolutional Baseline: six stripes, six classifiers.

    The feature map T [h, w, D] of an encoder of stride 16 is cut into p horizontal
    parts; g_i is the mean of part i, h_i = ReLU(BN(V dropout(g_i))) its reduction, and
    each part classifies the identity by itself,

        L = sum_i CE(y, softmax(U_i h_i + b_i)).

    Images are matched by the parts' features, each of unit length, put together.

    Where p does not divide h, the parts are the official code's windows, which overlap.

    With --pcb_refined (refined part pooling, RPP) a run has three phases: PCB as above;
    then the soft parts r_i of `soft_parts.SoftParts` take the place of g_i, and their
    weights alone are trained; then everything is trained by r_i. Images are matched by
    g_i in the first phase, by r_i afterwards. The learning rates that PCB's authors
    give these steps are not taken: one schedule and Adam, as the DIMN paper has it for
    all methods.

    Otherwise here: batches of 32 identities with two images each (PCB: 64 images at
    random), classifiers over the identities of all sources, no weight decay unless
    --weight_decay says so.

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
    takes_neck: ClassVar[bool] = False

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        self._windows = stripes.windows(encoder.map_height, options.pcb_parts)
        self.reduction = None
        if options.pcb_features == "H":
            self.reduction = self._make_reduction()
        self.soft_parts = None
        if options.pcb_refined:
            self.soft_parts = soft_parts.SoftParts(
                options.pcb_parts, encoder.feature_dimension, self.seed + 2
            )

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

    @property
    def identity_vectors(self):
        """The parts' classifiers, each of unit length, one after another."""
        kernel = tf.convert_to_tensor(self.classifiers.kernel)  # [parts, E, C]
        unit = tf.math.l2_normalize(tf.transpose(kernel, (2, 0, 1)), axis=-1)
        return tf.reshape(unit, (unit.shape[0], -1))

    def _make_reduction(self):
        return part_reduction.PartReduction(
            self.options.pcb_parts,
            self.feature_dimension,
            self.options.pcb_dimension,
            self.options.pcb_own_reductions,
            self.encoder.batch_norm_momentum,
            self.seed + 1,
        )

    @classmethod
    def phase_steps(cls, train_steps, options):
        """One phase's, or with --pcb_refined three's; see `Method.phase_steps`."""
        if not options.pcb_refined:
            return super().phase_steps(train_steps, options)
        return soft_parts.phase_steps(
            train_steps, options.pcb_refined_alone_share, options.pcb_refined_share
        )

    def phases(self, train_steps):
        """One, or with --pcb_refined the class's three; see `Method.phases`."""
        if self.soft_parts is None:
            return super().phases(train_steps)
        by_stripes, alone, everything = self.phase_steps(train_steps, self.options)
        found = (
            ("the stripes", by_stripes, self.train_step, 0.0),
            ("the soft parts", alone, self.soft_parts_step, 1.0),
            ("all parts", everything, self.refined_step, 1.0),
        )
        return tuple(
            phase.Phase(
                name,
                steps,
                step,
                begin=self._set_begun(begun),
                first_trained=self._soft_variables() if begun else (),
            )
            for name, steps, step, begun in found
            if steps
        )

    def _set_begun(self, begun):
        # Outside the step: there all replicas' copies are set at once.
        return lambda every_image: self.soft_parts.begun.assign(begun)

    def train_step(self, batch):
        """One iteration by the stripes, of all but w; see `Method.train_step`."""
        images, _ = base.image_by_image(batch)
        own = {id(v) for v in self._soft_variables()}
        return self._step(
            batch,
            lambda: stripes.means(
                self.encoder.feature_maps(images, training=True), self._windows
            ),
            [v for v in self.trainable_variables if id(v) not in own],
        )

    def soft_parts_step(self, batch):
        """One iteration of w and c alone by r_i; see `Method.train_step`.

        Encoder and reduction run as in inference, so that no moving average moves;
        dropout is as in training.
        """
        images, _ = base.image_by_image(batch)
        maps = self.encoder.feature_maps(images, training=False)
        kept = self._dropout_mask(batch, of_places=True)
        return self._step(
            batch,
            lambda: self.soft_parts(maps, kept),
            self._soft_variables(),
            training=False,
        )

    def refined_step(self, batch):
        """One iteration of everything by r_i; see `Method.train_step`."""
        images, _ = base.image_by_image(batch)
        kept = self._dropout_mask(batch, of_places=True)
        return self._step(
            batch,
            lambda: self.soft_parts(
                self.encoder.feature_maps(images, training=True), kept
            ),
            self.trainable_variables,
        )

    def _soft_variables(self):
        return [] if self.soft_parts is None else self.soft_parts.trainable_variables

    def _step(self, batch, part_features, variables, training=True):
        """An iteration of the parts' cross entropies.

        Args:
            batch: See `Method`.
            part_features: Gives g or r, float32 [n, p, D].
            variables: What is moved.
            training: Whether the reduction's batch norm is as in training.
        """
        _, labels = base.image_by_image(batch)
        parts = self.options.pcb_parts
        kept = self._dropout_mask(batch)
        with tf.GradientTape() as tape:
            logits = self.classifiers(
                self.reduction(part_features() * kept, training=training)
            )
            of_parts = [
                losses.identification_loss(
                    logits[:, i], labels, self.options.label_smoothing
                )
                for i in range(parts)
            ]
            loss = tf.add_n(of_parts)
        self.minimise(tape, loss, variables)
        correct = tf.add_n([base.correct(logits[:, i], labels) for i in range(parts)])
        return replica_context.batch_means(
            {
                "loss": loss,
                "identification": loss,
                "identification_accuracy": correct / parts,
            },
            tf.shape(labels)[0],
        )

    def _dropout_mask(self, batch, of_places=False, beyond=0):
        """Of g or r: [n, p, D], or of T, for u: [n, h, w, D]; see `step_dropout`."""
        shape, seed = (self.options.pcb_parts, self.feature_dimension), self.seed
        if of_places:
            shape, seed = self.encoder.backbone.output_shape[1:], self.seed + 1
        rate = self.options.pcb_dropout
        step = self.optimizer.iterations + tf.cast(beyond, tf.int64)
        return step_dropout.mask(batch, shape, rate, seed, step)

    @property
    def has_one_kind_of_step(self):
        """Not with --pcb_refined, even where its shares leave one phase alone."""
        return self.soft_parts is None

    def statistics_step(self, batch, number):
        """Through the reduction too; see `Method.statistics_step`."""
        images, _ = base.image_by_image(batch)
        maps = self.encoder.feature_maps(images, training=True)
        parts = stripes.means(maps, self._windows)
        parts *= self._dropout_mask(batch, beyond=number)
        self.reduction(parts, training=True)

    def embed(self, images):
        """G or H, all parts together: [n, p E] float32."""
        maps = self.encoder.feature_maps(images, training=False)
        features = stripes.means(maps, self._windows)
        if self.soft_parts is not None:
            features = self.soft_parts.once_begun(maps, features)
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
        """The reduction, where H is matched, and the soft parts, where there are."""
        reduction = self.reduction if self.options.pcb_features == "H" else None
        layers = (reduction, self.soft_parts)
        return tuple(layer for layer in layers if layer is not None)

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
