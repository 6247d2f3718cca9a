"""What a method is: the seam between methods and all that they share."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from dimn_tf import config, errors
from dimn_tf.data import batch_request, label_specification
from dimn_tf.encoders import encoder as encoder_lib
from dimn_tf.methods import budget, phase


@dataclasses.dataclass(frozen=True)
class SmoothingOptions:
    """Options of every softmax over identities."""

    label_smoothing: float = config.option(
        0.0,
        "Label smoothing of every softmax over identities, 0..1; paper: none.",
        least=0,
        most=1,
    )


@dataclasses.dataclass(frozen=True)
class ClassifierOptions(SmoothingOptions):
    """Options of an identity classifier f_theta."""

    classifier_bias: bool = config.option(
        False, "Whether f_theta has a bias; ours: none (the paper does not say)."
    )


class Method(budget.Budget, keras.Model, abc.ABC):
    """A way to learn from source domains and to match in a target domain.

    Shared by all methods: the encoder g. A method adds its own parts, one training step
    on a batch, and how a target's probes and galleries are represented and scored.
    Training, checkpoints, evaluation and export know nothing else of it.

    The constructor makes what inference needs and no more, so that a model of a
    million identities is restored in the encoder's memory. `build_training` makes the
    rest: f_theta, W and their kind.

    A batch is what `batch_request` asks for, a dict of

    * `images`: float32 [P, K, H, W, 3] in 0..255, augmented: K of each of P identities,
    * `labels`: int32 [P], distinct, 0..C-1,
    * `domains`: int32 [P], position of the identity's domain in the label space,
    * `cameras`: int32 [P, K], numbered over all sources,

    each with a first axis of `batches` where more than one is asked for. Under a
    strategy it is this replica's share of the identities.

    Args:
        encoder: g, images to features [n, D].
        options: An instance of the class's `Options`.
        seed: Of the random start of the method's own parts.
    """

    Options: ClassVar[type]
    defaults: ClassVar[Mapping[str, Any]] = {}
    """Shared options (by flag name) that this method sets otherwise unless told."""

    score_name: ClassVar[str] = "score"
    precisions: ClassVar[tuple[str, ...]] = (
        "float32",
        "mixed_bfloat16",
        "mixed_float16",
    )
    """What it can be trained in; the first one is what is told to take instead."""

    takes_neck: ClassVar[bool] = True
    """Whether it matches by the encoder's pooled feature, which a neck normalises."""

    has_score_maps: ClassVar[bool] = False
    """Whether the score is a sum over places; see `score_maps`."""

    def __init__(
        self,
        encoder: encoder_lib.Encoder,
        options,
        seed: int = 0,
        name: str | None = None,
    ):
        # A name of its own, or Keras numbers the models of a process.
        super().__init__(name=name or type(self).__name__.lower())
        self.encoder = encoder
        self.options = options
        self.seed = seed
        self.label_specification: label_specification.LabelSpecification | None = None
        self.request: batch_request.BatchRequest | None = None
        # Of inference: see `matched_features`.
        self.mirror = False
        # All variables are made in constructors; Keras need not call the model first.
        self.built = True

    @classmethod
    def batch_request(cls, data, options) -> batch_request.BatchRequest:
        """What a training step sees: as the shared options say.

        Args:
            data: The run's `training.options.DataOptions`.
            options: An instance of the class's `Options`.

        Raises:
            errors.UserError: values that this method cannot train with.
        """
        del options
        return batch_request.BatchRequest(
            identities=data.identities_per_batch,
            images_per_identity=data.images_per_identity,
            domain_sampling=data.domain_sampling,
            cross_camera=data.cross_camera_pairs,
        )

    def build_training(
        self,
        labels: label_specification.LabelSpecification,
        request: "batch_request.BatchRequest",
    ) -> None:
        """Makes the parts that only training needs; here none.

        Args:
            labels: Identities, domains and cameras that are trained on.
            request: What a step will see.
        """
        self.label_specification = labels
        self.request = request

    def own_optimizer(self, train_steps: int) -> keras.optimizers.Optimizer | None:
        """A method's own in place of Adam by the shared options; here none.

        Args:
            train_steps: Of the whole run.
        """
        del train_steps
        return None

    def learning_rate_stretches(self, train_steps: int) -> tuple[int, ...]:
        """Steps over which the learning rate falls, start to end; here once, over all.

        Args:
            train_steps: Of the whole run: the stretches add up to it.
        """
        return (train_steps,)

    def add_classifier(
        self, name: str, units: int, seed: int, use_bias: bool = False
    ) -> keras.layers.Dense:
        """A linear classifier of features whose softmax stays in float32.

        Args:
            name: Of the layer, one of its own in the method.
            units: Classes.
            seed: Of its Glorot-uniform start.
            use_bias: Whether it has a bias.
        """
        layer = keras.layers.Dense(
            units,
            use_bias=use_bias,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            dtype="float32",
            name=name,
        )
        layer.build((None, self.feature_dimension))
        return layer

    @property
    def feature_dimension(self) -> int:
        """D, of the encoder's features."""
        return self.encoder.feature_dimension

    def call(self, images, training=False):
        """Features of images: [n, H, W, 3] -> [n, D]."""
        return self.encoder(images, training=training)

    @property
    def representation_dimension(self) -> int:
        """E, of what images are matched by; here the encoder's D."""
        return self.feature_dimension

    def embed(self, images):
        """What both representations are made of: here the encoder's features.

        A method that matches by something else overrides it, in terms of
        `self.encoder` and of `matching_layers`: an export puts an encoder that is
        folded for inference in the former's place.

        Args:
            images: float32 [n, H, W, 3] in 0..255.

        Returns:
            float32 [n, ...].
        """
        return self.encoder(images, training=False)

    def matched_features(self, images):
        """`embed`, or with `mirror` the mean of that of images and mirror images.

        It is what evaluation and exports take.
        """
        features = self.embed(images)
        if self.mirror:
            features = 0.5 * (features + self.embed(_mirrored(images)))
        return features

    def matched_maps(self, images):
        """Maps whose mean over the places is the encoder's part in `matched_features`.

        Args:
            images: float32 [n, H, W, 3] in 0..255.

        Returns:
            float32 [n, h, w, D]: `Encoder.maps_of_features`, with `mirror` the mean of
            the image's and of its mirror image's, turned back.
        """
        maps = self.encoder.maps_of_features(images)
        if self.mirror:
            other = self.encoder.maps_of_features(_mirrored(images))
            maps = 0.5 * (maps + _mirrored(other))
        return maps

    @tf.function(reduce_retracing=True)
    def encode(self, images):
        """`matched_features`, compiled, for many images at test."""
        return self.matched_features(images)

    @abc.abstractmethod
    def train_step(self, batch) -> dict[str, tf.Tensor]:
        """One training iteration; returns scalars, of the whole batch.

        The loop runs it inside one `tf.function`, and inside `strategy.run` where
        there is a strategy. It holds no host-side operation.
        """

    @property
    def inner_product_scale(self) -> float | None:
        """What times the representations' inner product is the score; None: no such.

        A gallery searches by inner product; here the score is something else.
        """
        return None

    @property
    def matching_layers(self) -> tuple[keras.layers.Layer, ...]:
        """Layers beside the encoder that representations and score use: none here.

        They go into an export; what only training needs (f_theta, W) stays behind.
        """
        return ()

    @property
    def inference_variables(self) -> list[keras.Variable]:
        """What `embed`, the representations and the score depend on."""
        layers = (self.encoder, *self.matching_layers)
        return [variable for layer in layers for variable in layer.variables]

    @abc.abstractmethod
    def probe_representation(self, features):
        """What a probe is matched by: features [n, D] -> [n, E]."""

    @abc.abstractmethod
    def gallery_representation(self, features):
        """What a gallery image is matched by: features [n, D] -> [n, E]."""

    @abc.abstractmethod
    def score(self, probes, gallery):
        """Likeness, higher is more alike: [P, E], [G, E] -> [P, G] float32."""

    def score_maps(self, probe_maps, gallery_maps):
        """Where in both images of a pair its score comes from.

        Args:
            probe_maps: `matched_maps` of probes, [n, h, w, D].
            gallery_maps: Of as many gallery images, [n, h, w, D].

        Returns:
            The shares of each place of the probe and of the gallery image in the
            score of pair i, two of float32 [n, h, w]; each adds up to the score.

        Raises:
            errors.UserError: this method's score is no sum over places.
        """
        raise errors.UserError(
            f"the score of {type(self).__name__} is no sum over places of an image, "
            "so that there is no map of it"
        )

    def phases(self, train_steps: int) -> tuple[phase.Phase, ...]:
        """The stretches of a run, one after another; here one of `train_step`.

        Args:
            train_steps: Of the whole run: the phases' steps add up to it.

        Raises:
            errors.UserError: a run of so few steps is not to be had.
        """
        return (phase.Phase("all parts", train_steps, self.train_step),)

    def statistics_step(self, batch) -> None:
        """A pass in training mode that moves batch norm's averages and nothing else.

        Args:
            batch: As `train_step` takes it.
        """
        images = batch["images"]
        for one in tf.unstack(images) if self.request.leading else [images]:
            self.encoder(tf.reshape(one, (-1, *one.shape[-3:])), training=True)

    def minimise(self, tape: tf.GradientTape, loss, variables=None) -> None:
        """One optimiser step.

        Losses are sums over the batch, so summing the replicas' gradients, as the
        optimiser does, gives the gradient of the whole batch.

        Args:
            tape: Recorded the loss, and this call's scaling of it.
            loss: Scalar, this replica's sum.
            variables: What is moved; by default all that is trainable.
        """
        with tape:
            scaled = self.optimizer.scale_loss(loss)
        if variables is None:
            variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))


def _mirrored(images):
    """Left and right exchanged: [n, h, w, c] -> the same."""
    return tf.reverse(images, axis=[2])


def correct(logits, labels):
    """How many rows have their highest logit at their label: float32 scalar."""
    best = tf.argmax(logits, axis=-1, output_type=labels.dtype)
    return tf.reduce_sum(tf.cast(best == labels, tf.float32))


def image_by_image(batch) -> tuple[tf.Tensor, tf.Tensor]:
    """A batch as a list of images: all first images, then all second ones, ...

    Args:
        batch: See `Method`.

    Returns:
        Images [K * P, H, W, 3], and the label of each, [K * P].
    """
    images, labels = batch["images"], batch["labels"]
    shape = tf.shape(images)
    count, each = shape[0], shape[1]
    # A view by view, as gallery and probe images go through the encoder.
    listed = tf.reshape(
        tf.transpose(images, (1, 0, 2, 3, 4)), tf.concat([[count * each], shape[2:]], 0)
    )
    listed = tf.ensure_shape(listed, (None, *images.shape[2:]))
    return listed, tf.tile(labels, [each])
