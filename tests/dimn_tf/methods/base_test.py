"""What all methods share: what they ask for, and lists of a batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import config, errors, methods
from dimn_tf.methods import base
from dimn_tf.training import options as training_options
from tests.dimn_tf.methods import tiny


def test_a_batch_is_asked_for_as_the_shared_options_say():
    options = methods.Aggregation.Options()
    data = training_options.DataOptions(
        identities_per_batch=6,
        images_per_identity=3,
        domain_sampling="quota",
        cross_camera_pairs=True,
    )
    asked = methods.Aggregation.batch_request(data, options)
    assert (asked.identities, asked.images_per_identity) == (6, 3)
    assert asked.domain_sampling == "quota" and asked.cross_camera
    assert asked.batches == 1
    plain = training_options.DataOptions()
    assert not methods.Aggregation.batch_request(plain, options).cross_camera


def test_correct_counts_the_rows_whose_highest_logit_is_their_label():
    logits = tf.constant([[0.0, 2.0, 1.0], [5.0, 4.0, 0.0], [1.0, 0.0, 3.0]])
    assert float(base.correct(logits, tf.constant([1, 1, 2]))) == 2.0


def test_a_batch_is_listed_view_by_view():
    batch = tiny.batch([4, 0, 7], each=2)
    images, labels = base.image_by_image(batch)
    assert labels.numpy().tolist() == [4, 0, 7, 4, 0, 7]
    for k in (0, 1):
        np.testing.assert_array_equal(images[3 * k : 3 * k + 3], tiny.view(batch, k))


def test_the_listed_images_keep_their_static_size():
    seen = []

    @tf.function
    def listed(images, labels):
        seen.append(base.image_by_image({"images": images, "labels": labels})[0].shape)

    listed.get_concrete_function(
        tf.TensorSpec([None, None, 8, 4, 3]), tf.TensorSpec([None], tf.int32)
    )
    assert seen[0].as_list() == [None, 8, 4, 3]


def test_a_method_is_called_for_features():
    method = tiny.method("aggregation", 3)
    images = tiny.view(tiny.batch([0, 1, 2]), 0)
    np.testing.assert_array_equal(method(images), method.encoder(images))
    assert method.name == "aggregation"
    named = methods.Aggregation(
        tiny.encoder(), methods.Aggregation.Options(), name="other"
    )
    assert named.name == "other" and named.seed == 0


def test_a_classifier_starts_by_its_seed():
    method = tiny.method("aggregation", 3)
    first, again, other = (
        method.add_classifier("c", 4, seed, use_bias).get_weights()
        for seed, use_bias in ((1, False), (1, True), (2, False))
    )
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.allclose(first[0], other[0])
    assert [len(weights) for weights in (first, again, other)] == [1, 2, 1]
    # Its name is what a checkpoint knows it by.
    assert method.add_classifier("c", 4, 0).kernel.path == "c/kernel"


def test_a_classifier_is_float32_in_any_policy():
    method, before = tiny.method("aggregation", 3), keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = method.add_classifier("c", 4, 0)
    finally:
        keras.config.set_dtype_policy(before)
    assert made.compute_dtype == "float32"


@pytest.mark.parametrize("name", list(methods.METHODS))
def test_nothing_of_training_is_made_before_it_is_asked_for(name):
    kind = methods.METHODS[name]
    made = kind(tiny.encoder(), kind.Options())
    assert made.label_specification is None
    labels = tiny.labels(4)
    made.build_training(labels, tiny.request(name, {}))
    assert made.label_specification is labels
    # All variables are there: Keras need not see an image first.
    assert made.count_params() > tiny.encoder().count_params()


def test_a_loss_scale_goes_out_of_the_step_again():
    losses = []
    for scale in (None, 1024.0):
        method = tiny.method("aggregation", 3)
        optimizer = keras.optimizers.SGD(0.1)
        if scale:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, scale)
        method.compile(optimizer=optimizer, jit_compile=False)
        optimizer.build(method.trainable_variables)
        method.train_step(tiny.batch([0, 1, 2]))
        losses.append(method.get_weights()[:4])
    for a, b in zip(*losses, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_no_method_need_have_an_inner_product_or_maps():
    made = tiny.method("aggregation", 3)
    assert made.inner_product_scale is None and made.matching_layers == ()
    assert made.inference_variables == made.encoder.variables
    assert made.representation_dimension == made.feature_dimension == tiny.DIMENSION
    assert not base.Method.has_score_maps and base.Method.score_name == "score"
    assert base.Method.defaults == {}


def test_embedding_is_inference():
    """Batch norm, say, must not see that images are only embedded."""
    method, seen = tiny.method("aggregation", 3), []
    method.encoder.call = lambda images, training=None: seen.append(training) or images
    images = tiny.view(tiny.batch([0, 1, 2]), 0)
    method.embed(images), method.encode(images)
    method(images), method(images, training=True)
    assert seen == [False, False, False, True]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if n in ("dimn", "aggregation") else pytest.mark.slow)
        for n in methods.METHODS
    ],
)
def test_a_step_is_training_for_the_encoder(name):
    """Batch norm, say, takes the batch's statistics and keeps averages of them."""
    method, seen = tiny.method(name, 9), []
    call = method.encoder.backbone.call

    def watch(images, training=None, mask=None):
        seen.append(training)
        return call(images, training=training, mask=mask)

    method.encoder.backbone.call = watch
    method.train_step(tiny.batch_of(method, [4, 0, 8, 1]))
    assert set(seen) == {True}


def test_a_method_that_lacks_a_part_is_refused():
    class Lacking(base.Method):
        Options = base.ClassifierOptions

    with pytest.raises(TypeError) as caught:
        Lacking(tiny.encoder(), base.ClassifierOptions())
    for part in ("train_step", "probe_rep", "gallery_rep", "score"):
        assert part in str(caught.value)


@pytest.mark.parametrize(("value", "allowed"), [(0, 1), (1, 1), (-0.1, 0), (1.1, 0)])
def test_label_smoothing_is_a_share(value, allowed):
    options = base.ClassifierOptions(label_smoothing=value)
    if allowed:
        config.check(options)
    else:
        with pytest.raises(errors.UserError, match="--label_smoothing="):
            config.check(options)
