import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.data import (
    batch_request,
    label_space,
    pipeline,
    records,
    resizing,
    sampler,
)
from dimn_tf.training import options as training_options
from tests.dimn_tf.data import old_pairs

KEYS = ("images", "labels", "domains", "cameras", "draws")


@pytest.fixture
def space(made_up_records):
    return label_space.LabelSpace.build(
        [
            made_up_records("a", np.repeat(np.arange(6), 3)),
            made_up_records("b", np.repeat(np.arange(8), 2)),
        ]
    )


@pytest.fixture
def many_cameras(made_up_records):
    persons = np.repeat(np.arange(6), 3)
    return label_space.LabelSpace.build(
        [
            made_up_records("a", persons, camera_ids=np.arange(18) % 4),
            made_up_records("b", persons, camera_ids=np.arange(18) % 2),
        ]
    )


def _sampler(space, identities=4, domain_sampling="all", seed=0, **kwargs):
    request = batch_request.BatchRequest(
        identities, domain_sampling=domain_sampling, **kwargs
    )
    return sampler.IdentitySampler(space, request, seed)


def _options(**kwargs):
    return pipeline.PipelineOptions(**({"height": 16, "width": 8} | kwargs))


def _batches(space, start=0, stop=6, drawer=None, shares=((0,), 1), **kwargs):
    dataset = pipeline.training_dataset(
        space, drawer or _sampler(space), _options(**kwargs), start, stop, *shares
    )
    return list(dataset.as_numpy_iterator())


def _same(first, second):
    assert len(first) == len(second)
    return all(
        np.array_equal(one[key], other[key])
        for one, other in zip(first, second, strict=True)
        for key in KEYS
    )


def _pixels(space, domain, index):
    """An image as the encoder's input size holds it, float32."""
    encoded = space.domains[domain].records.encoded_images([index])[0]
    return resizing.decode_and_resize(encoded, 16, 8).numpy()


@pytest.mark.parametrize("domain_sampling", ["uniform", "all", "quota"])
@pytest.mark.parametrize("images", [1, 2, 5])
def test_batches_hold_what_the_sampler_names(many_cameras, domain_sampling, images):
    drawer = _sampler(many_cameras, 4, domain_sampling, images_per_identity=images)
    for step, batch in enumerate(_batches(many_cameras, stop=4, drawer=drawer)):
        drawn = drawer.sample(step)
        np.testing.assert_array_equal(batch["labels"], drawn.labels)
        np.testing.assert_array_equal(batch["domains"], drawn.domains)
        np.testing.assert_array_equal(batch["cameras"], drawn.cameras)
        for row, place in np.ndindex(4, images):
            expected = _pixels(
                many_cameras, drawn.domains[row], drawn.images[row, place]
            )
            np.testing.assert_array_equal(
                batch["images"][row, place], np.round(expected).astype(np.uint8)
            )


@pytest.mark.parametrize("domain_sampling", ["uniform", "proportional", "all"])
@pytest.mark.parametrize("cross_camera", [False, True])
def test_two_images_each_are_what_pairs_always_were(
    many_cameras, domain_sampling, cross_camera
):
    """The old pipeline's images, rounded, and its numbers for their augmentation."""
    drawer = _sampler(
        many_cameras, 4, domain_sampling, seed=5, cross_camera=cross_camera
    )
    for step, batch in enumerate(_batches(many_cameras, stop=8, drawer=drawer)):
        domains, labels, gallery, probe = old_pairs.draw(
            many_cameras, 4, domain_sampling, cross_camera, 5, step
        )
        np.testing.assert_array_equal(batch["labels"], labels)
        # The old batch: the gallery images first, then the probes.
        for place, index in enumerate(np.concatenate([gallery, probe])):
            row, half = place % 4, place // 4
            image = _pixels(many_cameras, domains[row], index)
            assert np.abs(batch["images"][row, half] - image).max() <= 0.5
            seed = tf.random.experimental.stateless_fold_in(
                tf.stack([tf.constant(5, tf.int32), step]), place
            )
            np.testing.assert_array_equal(
                batch["draws"][row, half], tf.random.stateless_uniform([18], seed)
            )


@pytest.mark.parametrize("num_replicas", [2, 3, 6])
@pytest.mark.parametrize("batches", [1, 2])
def test_the_replicas_shares_join_to_the_whole_batch(
    many_cameras, num_replicas, batches
):
    drawer = _sampler(many_cameras, 6, images_per_identity=3, batches=batches)
    whole = _batches(many_cameras, 2, 5, drawer)
    shares = _batches(
        many_cameras, 2, 5, drawer, (tuple(range(num_replicas)), num_replicas)
    )
    assert len(shares) == 3 * num_replicas
    axis = 1 if batches > 1 else 0
    for step, batch in enumerate(whole):
        of_step = shares[step * num_replicas : (step + 1) * num_replicas]
        for key in KEYS:
            joined = np.concatenate([share[key] for share in of_step], axis)
            np.testing.assert_array_equal(joined, batch[key])
    # A worker's data set holds its own replicas' shares, in its order.
    some = _batches(many_cameras, 2, 5, drawer, ((num_replicas - 1, 0), num_replicas))
    expected = [
        shares[step * num_replicas + replica]
        for step in range(3)
        for replica in (num_replicas - 1, 0)
    ]
    assert _same(some, expected)


def test_a_replica_reads_its_own_images_only(space):
    read = []

    class Source:
        def __init__(self, source):
            self._source = source

        def __getitems__(self, indices):
            read.extend(indices)
            return self._source.__getitems__(indices)

    for domain in space.domains:
        object.__setattr__(domain.records, "source", Source(domain.records.source))
    _batches(space, stop=1, shares=((1,), 2))
    # Two of the four identities, two images each.
    expected = _sampler(space).sample(0).images[2:]
    assert sorted(read) == sorted(expected.ravel())


def test_identities_that_replicas_cannot_share_are_refused(space):
    with pytest.raises(errors.UserError) as caught:
        _batches(space, shares=((0,), 3))
    assert "--identities_per_batch=4 cannot be shared by 3 replicas" in str(
        caught.value
    )
    with pytest.raises(ValueError, match="of 2"):
        _batches(space, shares=((2,), 2))


def test_several_batches_a_step(many_cameras):
    several = _sampler(many_cameras, batches=3, images_per_identity=2)
    dataset = pipeline.training_dataset(many_cameras, several, _options(), 0, 2)
    assert dataset.element_spec["images"].shape == (3, 4, 2, 16, 8, 3)
    assert dataset.element_spec["labels"].shape == (3, 4)
    assert dataset.element_spec["draws"].shape == (3, 4, 2, 18)
    one = _sampler(many_cameras, images_per_identity=2)
    for step, batch in enumerate(dataset.as_numpy_iterator()):
        drawn = several.sample(step)
        np.testing.assert_array_equal(batch["labels"], drawn.labels)
        np.testing.assert_array_equal(batch["cameras"], drawn.cameras)
        image = _pixels(many_cameras, drawn.domains[2, 1], drawn.images[2, 1, 0])
        assert np.abs(batch["images"][2, 1, 0] - image).max() <= 0.5
        # The first batch is a step of one batch; the draws of all go on counting.
        (alone,) = _batches(many_cameras, step, step + 1, one)
        assert _same([{key: batch[key][0] for key in KEYS}], [alone])
        assert len(np.unique(batch["draws"])) == batch["draws"].size
        seed = tf.random.experimental.stateless_fold_in([0, step], 2 * 8 + 0 * 4 + 1)
        np.testing.assert_array_equal(
            batch["draws"][2, 1, 0], tf.random.stateless_uniform([18], seed)
        )


def test_shapes_are_static(space):
    drawer = _sampler(space, 4, images_per_identity=3)
    for lead, shares in ((4, ((0,), 1)), (2, ((0, 1), 2))):
        found = pipeline.training_dataset(space, drawer, _options(), 0, 1, *shares)
        assert found.element_spec == {
            "images": tf.TensorSpec((lead, 3, 16, 8, 3), tf.uint8),
            "labels": tf.TensorSpec((lead,), tf.int32),
            "domains": tf.TensorSpec((lead,), tf.int32),
            "cameras": tf.TensorSpec((lead, 3), tf.int32),
            "draws": tf.TensorSpec((lead, 3, 18), tf.float32),
        }


def test_tf_data_is_told_to_keep_the_order(space, made_up_records):
    # Batches come out in order anyway where tf.data fuses decoding with batching.
    drawer, options = _sampler(space), pipeline.PipelineOptions()
    training = pipeline.training_dataset(space, drawer, options, 0, 9)
    evaluation = pipeline.image_dataset(made_up_records("a", [1]), [0], 16, 8, 2)
    for dataset in (training, evaluation):
        assert dataset.options().deterministic is True
        # Else several machines would look for files to share out.
        policy = dataset.options().experimental_distribute.auto_shard_policy
        assert policy == tf.data.experimental.AutoShardPolicy.DATA
        # Else an iterator's end may wait for the tuner for a minute.
        assert dataset.options().autotune.enabled is False


def test_images_are_of_a_runs_size_unless_told_otherwise():
    made, data = pipeline.PipelineOptions(), training_options.DataOptions()
    assert (made.height, made.width) == (data.image_height, data.image_width)


def test_the_number_of_steps_is_known(space):
    drawer, options = _sampler(space), pipeline.PipelineOptions()
    for start, expected in ((0, 9), (4, 5), (9, 0), (12, 0)):
        dataset = pipeline.training_dataset(space, drawer, options, start, 9)
        assert dataset.cardinality() == expected
        shared = pipeline.training_dataset(
            space, drawer, options, start, 9, replicas=(0, 3), num_replicas=4
        )
        assert shared.cardinality() == 2 * expected


def test_a_resumed_run_sees_what_an_uninterrupted_one_does(space):
    whole = _batches(space)
    for start in (0, 1, 4):
        assert _same(_batches(space, start), whole[start:])
    assert _batches(space, 6) == []
    shares = ((1, 0), 2)
    assert _same(_batches(space, 4, shares=shares), _batches(space, shares=shares)[8:])


def test_the_number_of_threads_changes_nothing(space):
    one = _batches(space, parallel_calls=1, prefetch=1)
    assert _same(one, _batches(space, parallel_calls=7, prefetch=4))
    assert _same(one, _batches(space))


def test_an_image_that_takes_longer_does_not_lose_its_place(encode):
    sizes = [700, 2, 2, 2]
    pictures = [encode(np.full((n, n, 3), i, np.uint8)) for i, n in enumerate(sizes)]
    source = records.in_memory("a", pictures, [0, 1, 2, 3])
    space = label_space.LabelSpace.build([source])
    for batch in _batches(space, stop=10, parallel_calls=4):
        np.testing.assert_array_equal(
            batch["images"],
            np.broadcast_to(
                batch["labels"].reshape(4, 1, 1, 1, 1), batch["images"].shape
            ),
        )
    found = pipeline.image_dataset(source, [0, 1, 2, 3] * 5, 16, 8, 4)
    for batch in found.as_numpy_iterator():
        np.testing.assert_allclose(batch.mean(axis=(1, 2, 3)), range(4), atol=1e-3)


def test_the_seed_changes_the_augmentation_too(made_up_records):
    # One image alone: only its augmentation can differ.
    space = label_space.LabelSpace.build([made_up_records("a", [1])])
    batches = [
        _batches(space, 5, 6, _sampler(space, 1, seed=seed))[0] for seed in range(4)
    ]
    assert len({batch["images"].tobytes() for batch in batches}) == 1
    assert len({batch["draws"].tobytes() for batch in batches}) == 4


def test_the_seed_of_the_label_space_matters(made_up_records):
    source = made_up_records("a", np.repeat(np.arange(12), 2))
    found = set()
    for seed in range(4):
        space = label_space.LabelSpace.build([source], holdout_identities=4, seed=seed)
        found.add(_batches(space, stop=1)[0]["images"].tobytes())
    assert len(found) > 1


def test_steps_and_seeds_differ(space):
    first = _batches(space, stop=2)
    other = _batches(space, stop=2, drawer=_sampler(space, seed=1))
    for key in ("images", "labels", "draws"):
        assert not np.array_equal(first[0][key], first[1][key])
        assert not np.array_equal(first[0][key], other[0][key])


def test_every_image_has_draws_of_its_own(made_up_records):
    # One image alone: it is every image of every step.
    space = label_space.LabelSpace.build([made_up_records("a", [1])])
    drawer = _sampler(space, 1, images_per_identity=3)
    draws = np.stack([b["draws"] for b in _batches(space, stop=10, drawer=drawer)])
    assert draws.min() >= 0 and draws.max() < 1
    assert len(np.unique(draws.reshape(30, 18), axis=0)) == 30


def test_an_unreadable_image_stops_the_run():
    broken = records.in_memory("a", [b"no image", b"no image"], [1, 1])
    space = label_space.LabelSpace.build([broken])
    dataset = pipeline.training_dataset(
        space, _sampler(space, 1), pipeline.PipelineOptions(), 0, 1
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
from dimn_tf.data import augmentation, batch_request, label_space, pipeline
from dimn_tf.data import records, sampler

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
drawer = sampler.IdentitySampler(space, batch_request.BatchRequest(6))

def dataset(*shares):
    return pipeline.training_dataset(
        space, drawer, pipeline.PipelineOptions(4, 2), 0, 3, *shares
    )

every = augmentation.Augmentation(
    crop_padding=0.3, contrast=0.2, hue=0.1, low_resolution=0.5, erasing=0.5
)

@tf.function
def augmented(batch):
    return augmentation.augment(batch["images"], batch["draws"], every)

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
ways = {
    "shared out": strategy.experimental_distribute_dataset(dataset()),
    "read by each": strategy.distribute_datasets_from_function(
        lambda context: dataset((0, 1), 2)
    ),
}
for way, distributed in ways.items():
    for whole, shared in zip(dataset(), distributed, strict=True):
        for key in whole:
            parts = strategy.experimental_local_results(shared[key])
            assert [part.shape[0] for part in parts] == [3, 3], key
            np.testing.assert_array_equal(np.concatenate(parts), whole[key])
        parts = strategy.experimental_local_results(
            strategy.run(augmented, args=(shared,))
        )
        np.testing.assert_allclose(
            np.concatenate(parts), augmented(whole), atol=1e-3
        )
    print("halves of every batch", way)
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
    for way in ("shared out", "read by each"):
        assert f"halves of every batch {way}" in found.stdout, found.stderr[-3000:]
