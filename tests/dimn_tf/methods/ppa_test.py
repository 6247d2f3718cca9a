"""PPA: its mapping's loss by hand, what it draws, its two phases."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from tests.dimn_tf.methods import tiny

COUNTS = [3, 1, 2, 4, 1, 2, 3, 1, 2]


def _method(**options):
    method = tiny.method("ppa", 9, **options)
    method.compile(optimizer=keras.optimizers.SGD(0.1), jit_compile=False)
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(9), COUNTS)
    activations = rng.uniform(0, 3, (len(labels), tiny.DIMENSION)).astype("float32")
    method.set_activations(activations, labels)
    for layer in method.matching_layers:
        layer.kernel.assign_add(rng.normal(0, 0.3, layer.kernel.shape))
    return method, activations, labels


def _unit(values):
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def _phi(method, values):
    values = _unit(values)
    *first, last = method.matching_layers
    for layer in first:
        values = np.maximum(values @ layer.kernel.numpy() + layer.bias.numpy(), 0)
    return _unit(values @ last.kernel.numpy() + last.bias.numpy())


@pytest.mark.parametrize("mapping", ["two_layers", "linear"])
def test_the_mappings_loss_is_the_printed_one(mapping):
    method, *_ = _method(ppa_mapping=mapping, ppa_queries=8, ppa_mapping_decay=0.01)
    assert len(method.matching_layers) == (2 if mapping == "two_layers" else 1)
    labels, queries = (v.numpy() for v in method.queries_of(3))
    logits = queries @ _phi(method, method.statistics_of(3).numpy()).T
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    kernels = sum((v.kernel.numpy() ** 2).sum() for v in method.matching_layers)
    expected = -log_p[np.arange(8), labels].mean() + 0.01 * kernels / 2
    before = [v.numpy() for v in method.variables]
    logs = tf.function(method.mapping_step)({"step": tf.constant(3, tf.int64)})
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-4)
    cross_entropy = expected - 0.01 * kernels / 2
    assert float(logs["identification"]) == pytest.approx(cross_entropy, rel=1e-4)
    mapping_variables = {
        id(v) for layer in method.matching_layers for v in layer.variables
    }
    for variable, value in zip(method.variables, before, strict=True):
        moved = np.abs(variable.numpy() - value).max() > 0
        assert moved == (id(variable) in mapping_variables), variable.path


def test_a_class_is_its_mean_or_one_of_its_images():
    for share, by_mean in ((1.0, True), (0.0, False)):
        method, activations, labels = _method(ppa_mean_share=share)
        seen = set()
        for step in range(20):
            found = method.statistics_of(step).numpy()
            for label in range(9):
                own = activations[labels == label]
                if by_mean:
                    np.testing.assert_allclose(found[label], own.mean(0), rtol=1e-5)
                else:
                    (place,) = np.flatnonzero((own == found[label]).all(axis=1))
                    seen.add((label, int(place)))
        if not by_mean:  # All images of each class come up.
            assert seen == {
                (i, j) for i, count in enumerate(COUNTS) for j in range(count)
            }
    method, *_ = _method(ppa_mean_share=0.3)
    means = method._means.numpy()
    several = np.array(COUNTS) > 1
    hits = [
        (method.statistics_of(step).numpy() == means).all(axis=1)[several]
        for step in range(200)
    ]
    assert np.mean(hits) == pytest.approx(0.3, abs=0.04)


def test_queries_are_of_their_labels_and_others_each_step():
    method, activations, labels = _method(ppa_queries=50)
    seen = set()
    for step in range(10):
        of, found = (v.numpy() for v in method.queries_of(step))
        for label, query in zip(of, found, strict=True):
            (place,) = np.flatnonzero((activations == query).all(axis=1))
            assert labels[place] == label
            seen.add(int(place))
        again = method.queries_of(step)[1].numpy()
        np.testing.assert_array_equal(found, again)
    assert seen == set(range(len(labels)))


def test_the_mapping_starts_as_the_identity():
    method = tiny.method("ppa", 9)
    features = np.random.default_rng(0).uniform(0, 2, (4, tiny.DIMENSION))
    found = method.gallery_representation(features.astype("float32"))
    np.testing.assert_allclose(found, _unit(features), rtol=1e-5)
    np.testing.assert_allclose(
        method.score(method.probe_representation(features.astype("float32")), found),
        features @ _unit(features).T,
        rtol=1e-4,
    )


def test_stage_1_leaves_the_mapping_and_stage_2_encodes_each_image_once():
    method = tiny.method("ppa", 9, ppa_mapping_steps=2)
    first, second = method.phases(7)
    assert (first.steps, second.steps, second.takes_images) == (5, 2, False)
    before = [v.numpy() for layer in method.matching_layers for v in layer.variables]
    first.step(tiny.batch([4, 0, 7, 2]))
    after = [v.numpy() for layer in method.matching_layers for v in layer.variables]
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    images = np.concatenate([x for x, _ in tiny.every_image(9)])
    second.begin(lambda: tiny.every_image(9))
    expected = method.embed(images).numpy().reshape(9, 2, -1).mean(axis=1)
    np.testing.assert_allclose(method._means, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(errors.UserError, match="--ppa_mapping_steps=2: more than"):
        method.phases(1)
