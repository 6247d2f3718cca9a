"""PPA: the classifier of a person predicted from activations of a fixed encoder."""

import dataclasses
from typing import ClassVar

import keras
import numpy as np
import tensorflow as tf

from dimn_tf import config, errors, losses
from dimn_tf.methods import base, phase, replica_context

MAPPINGS = ("two_layers", "linear")


@dataclasses.dataclass(frozen=True)
class PPAOptions(base.ClassifierOptions):
    """PPA's constants; its official code's unless it says otherwise."""

    ppa_mapping_steps: int = config.option(
        2000,
        "Of --train_steps, those of stage 2, the last ones, in which the mapping alone "
        "is trained; ours.",
        least=1,
    )
    ppa_mapping: str = config.option(
        "two_layers",
        "phi between unit lengths: two dense layers with a ReLU in between (PPA's "
        "code), or one (linear; its paper has both).",
        choices=MAPPINGS,
    )
    ppa_mean_share: float = config.option(
        0.3,
        "How often a class is given by the mean of its activations, else by one of "
        "them; PPA: 0.3 on miniImageNet, 0.9 on ImageNet.",
        least=0,
        most=1,
    )
    ppa_queries: int = config.option(
        512,
        "Activations that a step of stage 2 classifies; ours: many, since phi of all "
        "classes costs the most (PPA: one of each class).",
        least=1,
    )
    ppa_mapping_decay: float = config.option(
        5e-4,
        "lambda, times half the squared length of phi's kernels; PPA: 5e-4.",
        least=0,
    )


class PPA(base.Method):
    """Few-shot classifiers from activations, in two stages.

    Stage 1 is the aggregation baseline. Then the encoder a(.) is fixed, each training
    image is encoded once, without augmentation, and stage 2 trains the mapping phi,
    which starts as the identity: with s_y a class's mean activation, or a random one of
    it, drawn anew for all C classes each step,

        L = sum_x [ -phi(s_y) . a(x) + log sum_y' exp(phi(s_y') . a(x)) ]
            + lambda |phi|^2 / 2.

    At test the score of probe x against gallery image x~ is phi(a(x~)) . a(x).

    Otherwise here: Adam in both stages (PPA: SGD), queries drawn at random from all
    images (PPA: one of each class), and a gallery's one image stands for its identity.

    Reference: Qiao et al., "Few-Shot Image Recognition by Predicting Parameters from
        Activations", CVPR 2018, section 3; code joe-siyuan-qiao/FewShot-CVPR (d3a9824).
    """

    Options = PPAOptions
    defaults: ClassVar[dict[str, str]] = {"domain_sampling": "all"}
    score_name: ClassVar[str] = "mapping"

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        if encoder.neck is not None and options.ppa_mapping != "linear":
            raise errors.UserError(
                f"--feature_neck: --ppa_mapping={options.ppa_mapping} takes features "
                "that are not negative, as pooled activations are and a neck's are "
                "not. Leave the flag out, or give --ppa_mapping=linear."
            )
        names = ["phi_1", "phi_2"] if options.ppa_mapping == "two_layers" else ["phi_1"]
        self._phi = []
        for layer_name in names:
            layer = keras.layers.Dense(
                encoder.feature_dimension,
                kernel_initializer=keras.initializers.Identity(),
                dtype="float32",
                name=layer_name,
            )
            layer.build((None, encoder.feature_dimension))
            self._phi.append(layer)

    @classmethod
    def steps_of_budget(cls, images, request, options, training_images=None):
        """Stage 1 has what encoding each image once leaves; see `Method`."""
        if training_images is None:
            raise errors.UserError(
                f"--train_images={images}: --method=ppa encodes each training image "
                "once more between its stages. Give --train_steps: as many as the "
                "budget less the training images last, and --ppa_mapping_steps more."
            )
        if images <= training_images:
            raise errors.UserError(
                f"--train_images={images}: --method=ppa encodes each of the "
                f"{training_images:,} training images once between its stages, so "
                "that nothing is left for the first one. Give more images."
            )
        left = images - training_images
        return -(-left // request.images) + options.ppa_mapping_steps

    @classmethod
    def images_seen(cls, step, train_steps, request, options, training_images=None):
        """Of stage 1, and those encoded between the stages; see `Method`."""
        first = train_steps - options.ppa_mapping_steps
        encoded = training_images if training_images and step > first else 0
        return min(step, first) * request.images + encoded

    def build_training(self, labels, request):
        """Makes f_theta; see `Method.build_training`."""
        super().build_training(labels, request)
        self.classifier = self.add_classifier(
            "classifier", labels.num_identities, self.seed, self.options.classifier_bias
        )

    @classmethod
    def phase_steps(cls, train_steps, options):
        """Those of the encoder and of the mapping; see `Method.phase_steps`."""
        mapping_steps = options.ppa_mapping_steps
        if mapping_steps > train_steps:
            raise errors.UserError(
                f"--ppa_mapping_steps={mapping_steps}: more than the run's "
                f"{train_steps:,} steps (--train_steps), of which they are the last."
            )
        return train_steps - mapping_steps, mapping_steps

    def phases(self, train_steps):
        """Encoder and classifier, then the mapping; see `Method.phases`."""
        encoder_steps, mapping_steps = self.phase_steps(train_steps, self.options)
        return (
            phase.Phase("the encoder", encoder_steps, self.train_step),
            phase.Phase(
                "the mapping",
                mapping_steps,
                self.mapping_step,
                takes_images=False,
                begin=self._encode_all,
                first_trained=self._phi_variables(),
            ),
        )

    @classmethod
    def learning_rate_stretches(cls, train_steps, options):
        """Each stage is a training of its own; see `Method`."""
        return tuple(steps for steps in cls.phase_steps(train_steps, options) if steps)

    def train_step(self, batch):
        """One iteration of stage 1; see `Method.train_step`."""
        images, labels = base.image_by_image(batch)
        with tf.GradientTape() as tape:
            logits = self.classifier(self.encoder(images, training=True))
            loss = losses.identification_loss(
                logits, labels, self.options.label_smoothing
            )
        self.minimise(
            tape,
            loss,
            [*self.encoder.trainable_variables, *self.classifier.trainable_variables],
        )
        return replica_context.batch_means(
            _scalars(loss, loss, logits, labels), tf.shape(labels)[0]
        )

    def _encode_all(self, every_image) -> None:
        """Activations of all training images, and where each class's begin."""
        found, of = [], []
        for images, labels in every_image():
            found.append(np.asarray(self.encode(images), np.float32))
            of.append(np.asarray(labels))
        labels = np.concatenate(of)
        self.set_activations(np.concatenate(found), labels)

    def set_activations(self, activations: np.ndarray, labels: np.ndarray) -> None:
        """What stage 2 is trained on.

        Args:
            activations: float32 [N, D].
            labels: int [N], rising, each of 0..C-1 there.
        """
        count = self.label_specification.num_identities
        counts = np.bincount(labels, minlength=count)
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        sums = np.add.reduceat(activations, starts, axis=0)
        self._activations = tf.constant(activations)
        self._means = tf.constant(sums / counts[:, np.newaxis].astype(np.float32))
        self._starts = tf.constant(starts, tf.int32)
        self._counts = tf.constant(counts, tf.int32)

    def _drawn(self, step, what: int, labels):
        """A random activation's place for each label, by seed, step and use."""
        seed = tf.stack([self.seed + what, tf.cast(step, tf.int32)])
        share = tf.random.stateless_uniform(tf.shape(labels), seed)
        counts = tf.gather(self._counts, labels)
        offset = tf.cast(share * tf.cast(counts, tf.float32), tf.int32)
        return tf.gather(self._starts, labels) + tf.minimum(offset, counts - 1)

    def statistics_of(self, step):
        """s_y of all classes: [C, D]."""
        count = self.label_specification.num_identities
        single = tf.gather(self._activations, self._drawn(step, 1, tf.range(count)))
        seed = tf.stack([self.seed + 2, tf.cast(step, tf.int32)])
        by_mean = tf.random.stateless_uniform([count, 1], seed)
        return tf.where(by_mean < self.options.ppa_mean_share, self._means, single)

    def queries_of(self, step):
        """Labels [Q] and activations [Q, D] of the images that a step classifies."""
        count = self.label_specification.num_identities
        seed = tf.stack([self.seed + 3, tf.cast(step, tf.int32)])
        labels = tf.random.stateless_uniform(
            [self.options.ppa_queries], seed, 0, count, tf.int32
        )
        return labels, tf.gather(self._activations, self._drawn(step, 4, labels))

    def mapping_step(self, batch):
        """One iteration of stage 2 on {"step": int64}; see `Method.train_step`."""
        step = batch["step"]
        labels, queries = self.queries_of(step)
        statistics = self.statistics_of(step)
        replicas, _ = replica_context.replica_of()
        with tf.GradientTape() as tape:
            logits = tf.matmul(queries, self.mapped(statistics), transpose_b=True)
            identification = losses.identification_loss(
                logits, labels, self.options.label_smoothing
            )
            length = tf.add_n([tf.nn.l2_loss(layer.kernel) for layer in self._phi])
            rows = tf.cast(tf.shape(labels)[0], tf.float32)
            loss = identification + rows * self.options.ppa_mapping_decay * length
            # All replicas do the same: the optimiser adds their gradients up.
            share = loss / replicas
        self.minimise(tape, share, self._phi_variables())
        return replica_context.batch_means(
            _scalars(loss, identification, logits, labels), tf.shape(labels)[0]
        )

    def _phi_variables(self):
        return [v for layer in self._phi for v in layer.trainable_variables]

    def mapped(self, activations):
        """phi: [n, D] -> [n, D] float32, both of unit length."""
        mapped = tf.math.l2_normalize(tf.cast(activations, tf.float32), axis=-1)
        for layer in self._phi[:-1]:
            mapped = tf.nn.relu(layer(mapped))
        return tf.math.l2_normalize(self._phi[-1](mapped), axis=-1)

    @property
    def inner_product_scale(self):
        """One: the score is a dot product."""
        return 1.0

    @property
    def matching_layers(self):
        """phi's."""
        return tuple(self._phi)

    def probe_representation(self, features):
        """a(x)."""
        return features

    def gallery_representation(self, features):
        """phi(a(x~)), the predicted classifier."""
        return self.mapped(features)

    def score(self, probes, gallery):
        """phi(a(x~)) . a(x): [P, D], [G, D] -> [P, G] float32."""
        return tf.matmul(probes, gallery, transpose_b=True)


def _scalars(loss, identification, logits, labels):
    return {
        "loss": loss,
        "identification": identification,
        "identification_accuracy": base.correct(logits, labels),
    }
