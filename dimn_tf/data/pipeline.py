"""tf.data pipelines: images by index, decoded in parallel, in a fixed order."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.data import augmentation, python_map, resizing
from dimn_tf.data import label_space as label_spaces
from dimn_tf.data import records as records_module
from dimn_tf.data import sampler as samplers


@dataclasses.dataclass(frozen=True)
class PipelineOptions:
    """How training images are prepared.

    Attributes:
        height: rows of the encoder's input, in pixels (256 is ours: the paper does
            not state its input size).
        width: columns of it, in pixels (128 is ours).
        prefetch: batches kept ready ahead of the step.
        parallel_calls: images decoded at a time; by default tf.data finds it. It
            changes the speed only, never a value.
    """

    height: int = 256
    width: int = 128
    prefetch: int = 2
    parallel_calls: int = tf.data.AUTOTUNE


def training_dataset(
    label_space: label_spaces.LabelSpace,
    sampler: samplers.IdentitySampler,
    options: PipelineOptions,
    start_step: int,
    train_steps: int,
    replicas: Sequence[int] = (0,),
    num_replicas: int = 1,
) -> tf.data.Dataset:
    """What the steps start_step, ..., train_steps - 1 take.

    The elements of step t are a pure function of the sampler's seed and t: a data set
    that starts at step k gives what one that starts at 0 gives from there on, bit
    for bit, and costs nothing to wind forward. Nothing is held but the batches on
    their way, however large the sources are.

    A batch is shared out by identity: replica r of R takes the rows r * P / R to
    (r + 1) * P / R - 1. A data set that is made for some of the replicas gives their
    shares one after the other, step by step, and reads no other image: this is how
    the workers of several machines (`distribute_datasets_from_function`) read each
    their own. The shares of all replicas joined are the whole batch, draws included.

    Args:
        label_space: the sources' images.
        sampler: which images a step takes.
        options: the size of the images, and how they are read.
        start_step: first step, 0 or the step of a checkpoint.
        train_steps: one more than the last step.
        replicas: whose shares to give, in this order.
        num_replicas: R, all replicas.

    Returns:
        Data set of (train_steps - start_step) * len(replicas) dicts, with P / R for P
        and, where the request has several batches a step, a first axis [batches]:
            images: uint8 [P, K, H, W, 3], RGB, as the sampler drew them.
            labels: int32 [P].
            domains: int32 [P], positions in the label space.
            cameras: int32 [P, K].
            draws: float32 [P, K, 18] in 0..1, what `augmentation.augment` takes.

    Raises:
        errors.UserError: P cannot be shared out evenly.
    """
    request = sampler.request
    identities, images = request.identities, request.images_per_identity
    if identities % num_replicas:
        raise errors.UserError(
            f"{request.told} cannot be shared by {num_replicas} replicas: choose a "
            "multiple."
        )
    if not all(0 <= replica < num_replicas for replica in replicas):
        raise ValueError(f"replicas {replicas} of {num_replicas}")
    share = identities // num_replicas
    shape = (request.batches, share, images)
    size = math.prod(shape)
    sources = [domain.records for domain in label_space.domains]
    # An image's place in the step: first images first, then the second ones, ...
    places = np.arange(request.images, dtype=np.int32).reshape(
        (request.batches, images, identities)
    )
    places = places.transpose(0, 2, 1)

    def read_share(element):
        step, position = divmod(int(element), len(replicas))
        first = replicas[position] * share
        drawn = sampler.sample(step)

        def of_images(values):
            """[batches, share, K] of what a step has by identity or by image."""
            values = np.reshape(values, (request.batches, identities, -1))
            return np.broadcast_to(values[:, first : first + share], shape).ravel()

        domains, labels, indices, cameras = map(of_images, drawn)
        encoded = np.empty(size, object)
        for domain in np.unique(domains):
            rows = np.flatnonzero(domains == domain)
            encoded[rows] = sources[domain].encoded_images(indices[rows])
        steps = np.full(size, step, np.int32)
        return encoded, labels, domains, cameras, steps, of_images(places)

    def prepare(encoded, label, domain, camera, step, place):
        image = resizing.decode_and_resize(encoded, options.height, options.width)
        # An image's seed names the run, the step and its place in the batch.
        seed = tf.random.experimental.stateless_fold_in(
            tf.stack([tf.constant(sampler.seed, tf.int32), step]), place
        )
        return {
            "images": tf.cast(tf.round(image), tf.uint8),
            "labels": label,
            "domains": domain,
            "cameras": camera,
            "draws": tf.random.stateless_uniform([len(augmentation.DRAWS)], seed),
        }

    def to_batch(flat):
        batch = {
            name: tf.reshape(values, (*request.leading, *shape[1:], *values.shape[1:]))
            for name, values in flat.items()
        }
        for name in ("labels", "domains"):
            batch[name] = batch[name][..., 0]
        return batch

    steps = max(train_steps - start_step, 0)
    first = start_step * len(replicas)
    dataset = tf.data.Dataset.range(first, first + steps * len(replicas))
    dataset = python_map.python_map(
        dataset,
        read_share,
        [tf.TensorSpec([size], tf.string)] + 5 * [tf.TensorSpec([size], tf.int32)],
    )
    dataset = dataset.prefetch(1).unbatch()
    dataset = dataset.map(prepare, options.parallel_calls)
    dataset = dataset.batch(size, drop_remainder=True).map(to_batch)
    # Taking batches apart into images makes tf.data forget how many there are.
    dataset = dataset.apply(
        tf.data.experimental.assert_cardinality(steps * len(replicas))
    )
    return dataset.prefetch(options.prefetch).with_options(tf_data_options())


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
    return dataset.with_options(tf_data_options())


def tf_data_options() -> tf.data.Options:
    """Options of every data set that is iterated over for long.

    Without autotuning tf.data uses all its threads. Its tuner's thread can miss that
    the iterator ends (TensorFlow 2.21 wakes it before the flag that it looks at is
    set), and the process then waits for it up to a minute, on a machine that has other
    work.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True  # order, however many images are decoded at a time
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return options
