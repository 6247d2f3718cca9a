"""What is trained: the seam between methods and the training that they share."""

import abc
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.data import batch_request, label_specification
from dimn_tf.encoders import encoder as encoder_lib
from dimn_tf.methods import budget, phase


class Trainable(budget.Budget, keras.Model, abc.ABC):
    """Something that learns from labelled images: an encoder g and what is beside it.

    Training and checkpoints know nothing else of a method. What its features are for
    is a subclass' matter: `Method` matches persons, `fewshot.FewShotMethod` tells
    classes apart by a few images of each.

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

    precisions: ClassVar[tuple[str, ...]] = (
        "float32",
        "mixed_bfloat16",
        "mixed_float16",
    )
    """What it can be trained in; the first one is what is told to take instead."""

    unused: ClassVar[tuple[str, ...]] = ()
    """Options, by flag name, that it has and that its training takes no account of."""

    takes_neck: ClassVar[bool] = True
    """Whether it matches by the encoder's pooled feature, which a neck normalises."""

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
        # All variables are made in constructors; Keras need not call the model first.
        self.built = True

    @classmethod
    @abc.abstractmethod
    def batch_request(cls, data, options) -> batch_request.BatchRequest:
        """What a training step sees.

        Args:
            data: The run's data options (`Recipe.data`).
            options: An instance of the class's `Options`.

        Raises:
            errors.UserError: values that this method cannot train with.
        """

    @classmethod
    def refuse_replicas(
        cls, request: "batch_request.BatchRequest", data, replicas: int
    ) -> None:
        """Refuses replicas that a step's images cannot be shared out to.

        Args:
            request: What a step sees, of all replicas.
            data: The run's data options (`Recipe.data`).
            replicas: How many there are to be.

        Raises:
            errors.UserError: there are too many, or one has more than another.
        """
        del data
        if request.identities % replicas:
            raise errors.UserError(
                f"{request.told} cannot be shared by --replicas={replicas}: choose a "
                "multiple."
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

    @classmethod
    def learning_rate_stretches(cls, train_steps: int, options) -> tuple[int, ...]:
        """Steps over which the learning rate falls, start to end; here once, over all.

        Args:
            train_steps: Of the whole run: the stretches add up to it.
            options: An instance of the class's `Options`.
        """
        del options
        return (train_steps,)

    @classmethod
    def phase_steps(cls, train_steps: int, options) -> tuple[int, ...]:
        """Steps of each of `phases`, told without a model; here one has all.

        Args:
            train_steps: Of the whole run: the phases' steps add up to it.
            options: An instance of the class's `Options`.

        Raises:
            errors.UserError: a run of so few steps is not to be had.
        """
        del options
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

    @abc.abstractmethod
    def train_step(self, batch) -> dict[str, tf.Tensor]:
        """One training iteration; returns scalars, of the whole batch.

        The loop runs it inside one `tf.function`, and inside `strategy.run` where
        there is a strategy. It holds no host-side operation.
        """

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

    @classmethod
    def classifies_all(cls, options) -> bool:
        """Whether it has a classifier of all training identities, as most have.

        Args:
            options: An instance of the class's `Options`.
        """
        del options
        return True

    @property
    def identity_vectors(self) -> tf.Tensor | None:
        """What tells each training identity from the others: f_theta's weights.

        Returns:
            float32 [C, E]; None where `classifies_all` is not.
        """
        if not self.classifies_all(self.options):
            return None
        return tf.transpose(tf.convert_to_tensor(self.classifier.kernel))

    def phases(self, train_steps: int) -> tuple[phase.Phase, ...]:
        """The stretches of a run, one after another; here one of `train_step`.

        Args:
            train_steps: Of the whole run: the phases' steps add up to it.

        Raises:
            errors.UserError: a run of so few steps is not to be had.
        """
        return (phase.Phase("all parts", train_steps, self.train_step),)

    def after_taking_over(self, names: Collection[str]) -> None:
        """Called at a start from another run's weights, once they are in place.

        A method that made a copy of its encoder makes it anew here.

        Args:
            names: Of the variables that were taken over, as checkpoints name them.
        """
        del names

    @property
    def has_one_kind_of_step(self) -> bool:
        """Whether all steps go through the network as `statistics_step` does."""
        return True

    def statistics_step(self, batch, number) -> None:
        """A pass in training mode that moves batch norm's averages and nothing else.

        Args:
            batch: As `train_step` takes it.
            number: Of the pass, 0, 1, ...: int scalar, for what is drawn in it.
        """
        del number
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
