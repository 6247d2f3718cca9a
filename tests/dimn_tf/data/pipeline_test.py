import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.data import (
    augmentation,
    label_space,
    pipeline,
    records,
    resizing,
    sampler,
)

EVERYTHING = augmentation.Augmentation(
    crop_padding=0.1,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    hue=0.1,
    grey=0.2,
    low_resolution=0.3,
    erasing=0.5,
)
PLAIN = augmentation.Augmentation(flip=0.0)


@pytest.fixture
def space(made_up_records):
    return label_space.LabelSpace.build(
        [
            made_up_records("a", np.repeat(np.arange(6), 3)),
            made_up_records("b", np.repeat(np.arange(8), 2)),
        ]
    )


def _batches(space, start=0, stop=6, seed=0, domain_sampling="all", **kwargs):
    drawer = sampler.PairSampler(space, 4, domain_sampling, seed=seed)
    options = pipeline.PipelineOptions(
        **({"height": 16, "width": 8, "augmentation": EVERYTHING} | kwargs)
    )
    dataset = pipeline.training_dataset(space, drawer, options, start, stop)
    return list(dataset.as_numpy_iterator())


def _same(first, second):
    assert len(first) == len(second)
    return all(
        np.array_equal(one[key], other[key])
        for one, other in zip(first, second, strict=True)
        for key in ("gallery", "probe", "labels")
    )


@pytest.mark.parametrize("domain_sampling", ["uniform", "all"])
def test_batches_hold_the_images_that_the_sampler_names(space, domain_sampling):
    batches = _batches(space, domain_sampling=domain_sampling, augmentation=PLAIN)
    drawer = sampler.PairSampler(space, 4, domain_sampling)
    for step, batch in enumerate(batches):
        drawn = drawer.sample(step)
        np.testing.assert_array_equal(batch["labels"], drawn.labels)
        for half, indices in (("gallery", drawn.gallery), ("probe", drawn.probe)):
            for row in range(4):
                source = space.domains[drawn.domains[row]].records
                encoded = source.encoded_images([indices[row]])[0]
                np.testing.assert_array_equal(
                    batch[half][row], resizing.decode_and_resize(encoded, 16, 8)
                )


def test_shapes_are_static(space):
    drawer = sampler.PairSampler(space, 4)
    options = pipeline.PipelineOptions(height=16, width=8)
    found = pipeline.training_dataset(space, drawer, options, 0, 1).element_spec
    assert found == {
        "gallery": tf.TensorSpec((4, 16, 8, 3), tf.float32),
        "probe": tf.TensorSpec((4, 16, 8, 3), tf.float32),
        "labels": tf.TensorSpec((4,), tf.int32),
    }


def test_tf_data_is_told_to_keep_the_order(space, made_up_records):
    # Batches come out in order anyway where tf.data fuses decoding with batching.
    drawer, options = sampler.PairSampler(space, 4), pipeline.PipelineOptions()
    training = pipeline.training_dataset(space, drawer, options, 0, 9)
    evaluation = pipeline.image_dataset(made_up_records("a", [1]), [0], 16, 8, 2)
    assert training.options().deterministic is True
    assert evaluation.options().deterministic is True


def test_the_number_of_steps_is_known(space):
    drawer, options = sampler.PairSampler(space, 4), pipeline.PipelineOptions()
    for start, expected in ((0, 9), (4, 5), (9, 0), (12, 0)):
        dataset = pipeline.training_dataset(space, drawer, options, start, 9)
        assert dataset.cardinality() == expected


def test_a_resumed_run_sees_what_an_uninterrupted_one_does(space):
    whole = _batches(space)
    for start in (0, 1, 4):
        assert _same(_batches(space, start), whole[start:])
    assert _batches(space, 6) == []


def test_the_number_of_threads_changes_nothing(space):
    one = _batches(space, parallel_calls=1, prefetch=1)
    assert _same(one, _batches(space, parallel_calls=7, prefetch=4))
    assert _same(one, _batches(space))


def test_an_image_that_takes_longer_does_not_lose_its_place(encode):
    sizes = [700, 2, 2, 2]
    pictures = [encode(np.full((n, n, 3), i, np.uint8)) for i, n in enumerate(sizes)]
    source = records.in_memory("a", pictures, [0, 1, 2, 3])
    space = label_space.LabelSpace.build([source])
    for batch in _batches(space, stop=10, augmentation=PLAIN, parallel_calls=4):
        for half in ("gallery", "probe"):
            np.testing.assert_allclose(
                batch[half].mean(axis=(1, 2, 3)), batch["labels"], atol=1e-3
            )
    found = pipeline.image_dataset(source, [0, 1, 2, 3] * 5, 16, 8, 4)
    for batch in found.as_numpy_iterator():
        np.testing.assert_allclose(batch.mean(axis=(1, 2, 3)), range(4), atol=1e-3)


def test_the_seed_changes_the_augmentation_too(made_up_records):
    # One image alone: only its augmentation can differ.
    space = label_space.LabelSpace.build([made_up_records("a", [1])])
    options = pipeline.PipelineOptions(
        16, 8, augmentation.Augmentation(flip=0.0, brightness=0.5)
    )
    found = set()
    for seed in range(4):
        drawer = sampler.PairSampler(space, 1, seed=seed)
        dataset = pipeline.training_dataset(space, drawer, options, 5, 6)
        found.add(next(dataset.as_numpy_iterator())["gallery"].tobytes())
    assert len(found) == 4


def test_steps_and_seeds_differ(space):
    first = _batches(space, stop=2)
    assert not _same(first[:1], first[1:])
    assert not _same(first, _batches(space, stop=2, seed=1))


def test_every_image_has_an_augmentation_of_its_own(made_up_records):
    # One image alone: it is gallery and probe of every step.
    space = label_space.LabelSpace.build([made_up_records("a", [1])])
    drawer = sampler.PairSampler(space, 1)
    options = pipeline.PipelineOptions(16, 8, augmentation.Augmentation(brightness=0.5))
    dataset = pipeline.training_dataset(space, drawer, options, 0, 10)
    found = [
        batch[half].tobytes()
        for batch in dataset.as_numpy_iterator()
        for half in ("gallery", "probe")
    ]
    assert len(set(found)) == 20


def test_an_unreadable_image_stops_the_run():
    broken = records.in_memory("a", [b"no image", b"no image"], [1, 1])
    space = label_space.LabelSpace.build([broken])
    dataset = pipeline.training_dataset(
        space, sampler.PairSampler(space, 1), pipeline.PipelineOptions(), 0, 1
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        next(iter(dataset))


def test_images_for_evaluation_come_in_the_order_asked_for(made_up_builder):
    source = records.records_of_builder(made_up_builder, "made_up")
    indices = [12, 3, 3, 0, 7]
    dataset = pipeline.image_dataset(source, indices, 16, 8, 2)
    assert dataset.element_spec == tf.TensorSpec((None, 16, 8, 3), tf.float32)
    batches = list(dataset.as_numpy_iterator())
    assert [len(batch) for batch in batches] == [2, 2, 1]
    expected = [
        resizing.decode_and_resize(encoded, 16, 8)
        for encoded in source.encoded_images(indices)
    ]
    np.testing.assert_array_equal(np.concatenate(batches), expected)


def test_no_image_for_evaluation(made_up_records):
    source = made_up_records("a", [1])
    assert list(pipeline.image_dataset(source, [], 16, 8, 2)) == []


_TWO_DEVICES = """
import io
import numpy as np
import tensorflow as tf
from PIL import Image
from dimn_tf.data import label_space, pipeline, records, sampler

tf.config.experimental.enable_op_determinism()
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
pictures = []
for i in range(16):
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 2, 3), 10 * i, np.uint8)).save(buffer, "PNG")
    pictures.append(buffer.getvalue())
space = label_space.LabelSpace.build(
    [records.in_memory("a", pictures, np.repeat(np.arange(8), 2))]
)
dataset = pipeline.training_dataset(
    space, sampler.PairSampler(space, 6), pipeline.PipelineOptions(4, 2), 0, 3
)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
shared_out = strategy.experimental_distribute_dataset(dataset)
for whole, shared in zip(dataset, shared_out, strict=True):
    for key in ("gallery", "probe", "labels"):
        parts = strategy.experimental_local_results(shared[key])
        assert [part.shape[0] for part in parts] == [3, 3], key
        np.testing.assert_array_equal(np.concatenate(parts), whole[key])
print("halves of every batch")
"""


def test_devices_share_every_batch_by_identity():
    # A process of its own: devices can be split only before TensorFlow starts.
    root = pathlib.Path(pipeline.__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-c", _TWO_DEVICES],
        cwd=root,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "halves of every batch" in found.stdout, found.stderr[-3000:]
