"""What a method is: the seam between methods and all that they share."""

import abc
import dataclasses
from typing import ClassVar

import tensorflow as tf

from dimn_tf import config, errors
from dimn_tf.data import batch_request
from dimn_tf.methods import trainable


@dataclasses.dataclass(frozen=True)
class SmoothingOptions:
    """Options of every softmax over identities."""

    label_smoothing: float = config.option(
        0.0,
        "Label smoothing of every softmax over identities, 0..1. Ours; paper: none.",
        least=0,
        most=1,
    )


@dataclasses.dataclass(frozen=True)
class FeatureTripletOptions:
    """Options of a triplet loss of the features beside a method's own losses."""

    feature_triplet_weight: float = config.option(
        0.0,
        "Of a batch-hard triplet loss of the pooled features (before a neck), beside "
        "the method's losses; an image counts in it as in Eq. 1. Ours; paper: none, 0.",
        least=0,
    )
    feature_triplet_margin: float = config.option(
        0.3,
        "Its margin, in Euclidean distance; ours: 0.3, the field's habit.",
        least=0,
    )


@dataclasses.dataclass(frozen=True)
class ClassifierOptions(SmoothingOptions):
    """Options of an identity classifier f_theta."""

    classifier_bias: bool = config.option(
        False, "Whether f_theta has a bias; ours: none (the paper does not say)."
    )


class Method(trainable.Trainable):
    """A way to learn from source domains and to match in a target domain.

    Shared by all methods: the encoder g. A method adds its own parts, one training step
    on a batch, and how a target's probes and galleries are represented and scored.
    Training, checkpoints, evaluation and export know nothing else of it. See
    `Trainable` for its arguments and its batches.
    """

    score_name: ClassVar[str] = "score"
    has_score_maps: ClassVar[bool] = False
    """Whether the score is a sum over places, where the feature is a mean over them;
    see `score_maps` and `probe_score_maps`."""

    def __init__(self, encoder, options, seed=0, name=None):
        super().__init__(encoder, options, seed, name)
        # Of inference: see `matched_features`.
        self.mirror = False

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

    @property
    def inner_product_scale(self) -> float | None:
        """What times the representations' inner product is the score; None: no such.

        A gallery searches by inner product; here the score is something else.
        """
        return None

    @abc.abstractmethod
    def probe_representation(self, features):
        """What a probe is matched by: features [n, D] -> [n, E]."""

    @abc.abstractmethod
    def gallery_representation(self, features):
        """What a gallery image is matched by: features [n, D] -> [n, E]."""

    def held_gallery(self, representations):
        """A gallery's [G, E] on the device, for `score` of block after block of probes.

        Of an array, each `score` would copy all of it anew.
        """
        return tf.convert_to_tensor(representations, tf.float32)

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
        raise self._no_sum_over_places()

    def probe_score_maps(self, probe_maps, classifiers):
        """Where in probes their scores against vectors come from; linear in these.

        Args:
            probe_maps: `matched_maps` of probes, [n, h, w, D], or of one for all
                vectors, [1, h, w, D].
            classifiers: float32 [n, E], as `gallery_representation` gives them, or
                sums and differences of such.

        Returns:
            The shares of each place of probe i in its score against vector i, float32
            [n, h, w], which add up to it.

        Raises:
            errors.UserError: this method's score is no sum over places.
        """
        raise self._no_sum_over_places()

    def _no_sum_over_places(self) -> errors.UserError:
        return errors.UserError(
            f"the score of {type(self).__name__} is no sum over places of an image, "
            "so that there is no map of it"
        )


def _mirrored(images):
    """Left and right exchanged: [n, h, w, c] -> the same.

    A slice, since `tf.reverse` becomes a ReverseSequence in ONNX files, which costs.
    """
    return images[:, :, ::-1]


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
