"""PCB: its windows, its loss part by part, its features, its dropout."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.methods import pcb
from tests.dimn_tf.methods import tiny

LABELS = [4, 0, 7]


def _softmax_losses(logits, labels):
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels]


def test_windows_are_stripes_where_the_parts_divide_the_rows():
    assert pcb.windows(24, 6) == [(0, 4), (4, 8), (8, 12), (12, 16), (16, 20), (20, 24)]


def test_windows_overlap_as_the_official_codes_where_they_do_not():
    # 8 rows, 6 parts: windows of 8 - 5 = 3 rows, one row on each time.
    assert pcb.windows(8, 6) == [(0, 3), (1, 4), (2, 5), (3, 6), (4, 7), (5, 8)]
    assert pcb.windows(14, 6)[-1] == (10, 14)
    with pytest.raises(errors.UserError, match="--pcb_parts=6: .* has 4 rows"):
        pcb.windows(4, 6)


@pytest.mark.parametrize("own", [False, True])
def test_loss_is_the_sum_of_the_parts_cross_entropies(own):
    method = tiny.method(
        "pcb", 9, pcb_parts=3, pcb_dropout=0.0, pcb_own_reductions=own, pcb_dimension=4
    )
    rng = np.random.default_rng(1)
    for variable in (method.classifiers.kernel, method.classifiers.bias):
        variable.assign(rng.normal(0, 0.5, variable.shape))
    batch = tiny.batch(LABELS)
    images = np.concatenate([tiny.view(batch, 0), tiny.view(batch, 1)])
    maps = method.encoder.feature_maps(images, training=True).numpy()
    assert maps.shape[1] == 6
    kernel = method.reduction.linear.kernel.numpy()
    means = [maps[:, 2 * i : 2 * i + 2].mean(axis=(1, 2)) for i in range(3)]
    reduced = np.stack(
        [m @ (kernel[i] if own else kernel) for i, m in enumerate(means)], axis=1
    )
    # A batch norm of all parts together, or of each by itself.
    axes = (0,) if own else (0, 1)
    reduced = reduced - reduced.mean(axis=axes, keepdims=True)
    reduced = reduced / np.sqrt((reduced**2).mean(axis=axes, keepdims=True) + 1e-5)
    reduced = np.maximum(reduced, 0)
    expected = 0.0
    for i in range(3):
        logits = reduced[:, i] @ method.classifiers.kernel.numpy()[i]
        logits = logits + method.classifiers.bias.numpy()[i]
        expected += _softmax_losses(logits, LABELS * 2).mean()
    logs = tf.function(method.train_step)(batch)
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-4)
    assert set(logs) == {"loss", "identification", "identification_accuracy"}


def test_accuracy_is_the_parts_mean():
    method = tiny.method("pcb", 9, pcb_parts=2, pcb_dropout=0.0)
    bias = np.zeros((2, 9), np.float32)
    bias[0, 4] = bias[1, 0] = 1e6  # Part 0 says 4 to all, part 1 says 0.
    method.classifiers.bias.assign(bias)
    logs = method.train_step(tiny.batch(LABELS))
    assert float(logs["identification_accuracy"]) == pytest.approx(1 / 3)


@pytest.mark.parametrize("features", ["G", "H"])
def test_score_ranks_as_the_distance_of_unit_length_parts(features):
    method = tiny.method("pcb", 9, pcb_parts=3, pcb_features=features, pcb_dimension=4)
    images = np.random.default_rng(0).uniform(0, 255, (7, tiny.HEIGHT, tiny.WIDTH, 3))
    found = method.embed(images.astype("float32")).numpy()
    maps = method.encoder.feature_maps(images).numpy()
    parts = np.stack([maps[:, 2 * i : 2 * i + 2].mean((1, 2)) for i in range(3)], 1)
    if features == "H":
        parts = method.reduction(parts).numpy()
        assert parts.shape == (7, 3, 4)
    np.testing.assert_allclose(found, parts.reshape(7, -1), rtol=1e-5, atol=1e-6)
    assert found.shape[1] == method.representation_dimension
    unit = parts / np.linalg.norm(parts, axis=2, keepdims=True)
    unit = unit.reshape(7, -1)
    np.testing.assert_allclose(
        method.probe_representation(found), unit, rtol=1e-4, atol=1e-6
    )
    scores = method.score(
        method.probe_representation(found[:3]), method.gallery_representation(found[3:])
    ).numpy()
    squared = ((unit[:3, None] - unit[None, 3:]) ** 2).sum(-1)
    # |a - b|^2 of vectors of length sqrt(p) is 2 p - 2 p times the mean cosine.
    np.testing.assert_allclose(scores, 1 - squared / 6, rtol=1e-4, atol=1e-5)
    scale = method.inner_product_scale
    np.testing.assert_allclose(scores, scale * unit[:3] @ unit[3:].T, rtol=1e-4)


def test_matching_the_means_needs_no_reduction_and_the_reduced_features_do():
    g, h = (tiny.method("pcb", 9, pcb_features=f) for f in "GH")
    assert g.inference_variables == g.encoder.variables
    assert len(h.inference_variables) > len(h.encoder.variables)
    kept = {id(v) for v in h.inference_variables}
    assert all(id(v) in kept for v in h.reduction.variables)


def test_dropout_is_another_each_step_and_the_same_again():
    method = tiny.method("pcb", 9, pcb_dropout=0.5)
    batch = tiny.batch(LABELS)
    first = method._dropout_mask(batch).numpy()
    assert set(np.unique(first)) == {0.0, 2.0} and first.shape == (6, 6, 6)
    np.testing.assert_array_equal(first, method._dropout_mask(batch))
    assert np.any(first[:3] != first[3:])  # Gallery and probe images have their own.
    method.optimizer.iterations.assign(1)
    assert np.any(first != method._dropout_mask(batch).numpy())
    losses = []
    for rate in (0.0, 0.5):
        other = tiny.method("pcb", 9, pcb_dropout=rate)
        kernel = other.classifiers.kernel
        kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
        losses.append(float(other.train_step(batch)["loss"]))
    assert losses[0] != losses[1]
