"""tf.data pipelines: images by index, decoded in parallel, in a fixed order."""

import dataclasses

import numpy as np
import tensorflow as tf

from dimn_tf.data import augmentation as augmentations
from dimn_tf.data import label_space as label_spaces
from dimn_tf.data import python_map, resizing
from dimn_tf.data import records as records_module
from dimn_tf.data import sampler as samplers


@dataclasses.dataclass(frozen=True)
class PipelineOptions:
    """How training images are prepared.

    Attributes:
        height: rows of the encoder's input, in pixels (256 is ours: the paper does
            not state its input size).
        width: columns of it, in pixels (128 is ours).
        augmentation: random changes of the images.
        prefetch: batches kept ready ahead of the step.
        parallel_calls: images decoded at a time; by default tf.data finds it. It
            changes the speed only, never a value.
    """

    height: int = 256
    width: int = 128
    augmentation: augmentations.Augmentation = augmentations.Augmentation()
    prefetch: int = 2
    parallel_calls: int = tf.data.AUTOTUNE


def training_dataset(
    label_space: label_spaces.LabelSpace,
    sampler: samplers.PairSampler,
    options: PipelineOptions,
    start_step: int,
    train_steps: int,
) -> tf.data.Dataset:
    """The batches of the steps start_step, ..., train_steps - 1.

    The batch of step t is a pure function of the sampler's seed and t: a data set
    that starts at step k gives what one that starts at 0 gives from there on, bit
    for bit, and costs nothing to wind forward. Nothing is held but the batches on
    their way, however large the sources are.

    Under `tf.distribute` the global batch is split by identity: every element's
    first axis is C_b, so gallery, probe and labels of an identity stay together. With
    several workers each would build the same data set and take its share of every
    batch (auto-shard policy DATA; tested on several devices of one worker only).

    Args:
        label_space: the sources' images.
        sampler: which images a step takes.
        options: size and augmentation.
        start_step: first step, 0 or the step of a checkpoint.
        train_steps: one more than the last step.

    Returns:
        Data set of dicts: gallery and probe, float32 [C_b, H, W, 3], RGB in 0..255,
        and labels, int32 [C_b].
    """
    pairs = sampler.identities_per_batch
    sources = [domain.records for domain in label_space.domains]
    places = np.arange(2 * pairs, dtype=np.int32)

    def read_step(step):
        drawn = sampler.sample(step)
        encoded = np.empty(2 * pairs, object)
        for position in np.unique(drawn.domains):
            # A view of both halves: the gallery images first, then the probes.
            rows = np.flatnonzero(np.tile(drawn.domains == position, 2))
            indices = np.concatenate([drawn.gallery, drawn.probe])[rows]
            encoded[rows] = sources[position].encoded_images(indices)
        labels = np.tile(drawn.labels, 2)
        return encoded, labels, np.full(2 * pairs, step, np.int32), places

    def prepare(encoded, label, step, place):
        image = resizing.decode_and_resize(encoded, options.height, options.width)
        # An image's seed names the run, the step and its place in the batch.
        seed = tf.random.experimental.stateless_fold_in(
            tf.stack([tf.constant(sampler.seed, tf.int32), step]), place
        )
        return augmentations.augment(image, seed, options.augmentation), label

    def split(batch, labels):
        return {
            "gallery": batch[:pairs],
            "probe": batch[pairs:],
            "labels": labels[:pairs],
        }

    dataset = tf.data.Dataset.range(start_step, train_steps)
    dataset = python_map.python_map(
        dataset,
        read_step,
        [
            tf.TensorSpec([2 * pairs], dtype)
            for dtype in (tf.string, tf.int32, tf.int32, tf.int32)
        ],
    )
    dataset = dataset.prefetch(1).unbatch()
    dataset = dataset.map(prepare, options.parallel_calls)
    dataset = dataset.batch(2 * pairs, drop_remainder=True).map(split)
    # Taking batches apart into images makes tf.data forget how many there are.
    steps = max(train_steps - start_step, 0)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    return dataset.prefetch(options.prefetch).with_options(_tf_data_options())


def image_dataset(
    records: records_module.ReidRecords,
    indices: np.ndarray,
    height: int,
    width: int,
    batch_size: int,
) -> tf.data.Dataset:
    """The images `indices` of a data set, unchanged and in that order.

    Args:
        records: where the images are.
        indices: int [n], positions in `records`.
        height: rows of an image, in pixels.
        width: columns of an image, in pixels.
        batch_size: images a batch; the last may hold fewer.

    Returns:
        Data set of float32 [batch, height, width, 3], RGB in 0..255.
    """

    def read(chunk):
        return (np.array(records.encoded_images(chunk), object),)

    dataset = tf.data.Dataset.from_tensor_slices(np.asarray(indices, np.int64))
    dataset = python_map.python_map(
        dataset.batch(batch_size), read, [tf.TensorSpec([None], tf.string)]
    )
    dataset = dataset.prefetch(1).unbatch()
    dataset = dataset.map(
        lambda encoded: resizing.decode_and_resize(encoded, height, width),
        tf.data.AUTOTUNE,
    )
    dataset = dataset.batch(batch_size).prefetch(2)
    return dataset.with_options(_tf_data_options())


def _tf_data_options() -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True  # order, however many images are decoded at a time
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return options
