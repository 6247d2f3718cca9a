"""PCB: its loss part by part, its features, its dropout, its phases."""

import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.encoders import encoder
from dimn_tf.methods import pcb, stripes
from dimn_tf.training import fused_adam
from tests.dimn_tf.methods import tiny
from tests.dimn_tf.training import tiny_run

LABELS = [4, 0, 7]


def _softmax_losses(logits, labels):
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels]


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
    # Of each pass that estimates statistics, though the steps stand still.
    passes = [method._dropout_mask(batch, beyond=i).numpy() for i in (0, 1, 2)]
    assert np.any(passes[0] != passes[1]) and np.any(passes[1] != passes[2])
    losses = []
    for rate in (0.0, 0.5):
        other = tiny.method("pcb", 9, pcb_dropout=rate)
        kernel = other.classifiers.kernel
        kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
        losses.append(float(other.train_step(batch)["loss"]))
    assert losses[0] != losses[1]


def _refined(**options):
    """PCB with refined parts that differ from place to place, by the dropout too."""
    method = tiny.method("pcb_refined", 9, **options)
    rng = np.random.default_rng(3)
    for layer, deviation in ((method.classifiers, 0.5), (method.soft_parts, 20.0)):
        layer.kernel.assign(rng.normal(0, deviation, layer.kernel.shape))
    return method


def test_without_refinement_there_is_nothing_of_it():
    method = tiny.method("pcb", 9)
    assert method.soft_parts is None
    assert not [v.path for v in method.variables if "soft" in v.path]
    (only,) = method.phases(7)
    assert (only.name, only.steps, only.begin) == ("all parts", 7, None)


def test_refined_parts_are_there_for_inference():
    for features, layers in (("G", 1), ("H", 2)):
        made = tiny.method("pcb_refined", 9, pcb_features=features)
        assert len(made.matching_layers) == layers
        assert made.matching_layers[-1] is made.soft_parts
        needed = {v.path for v in made.inference_variables}
        assert needed >= {f"soft_parts/{n}" for n in ("kernel", "bias", "begun")}


def test_refinement_needs_groups_of_8_channels():
    with pytest.raises(errors.UserError, match="--pcb_refined: .* has 6 channels"):
        tiny.method("pcb", 9, pcb_refined=True)


def test_phases_are_the_shares_and_those_without_steps_are_left_out():
    method = tiny.method("pcb_refined", 9, pcb_refined_alone_share=0.2)
    found = [(part.name, part.steps) for part in method.phases(100)]
    assert found == [("the stripes", 47), ("the soft parts", 20), ("all parts", 33)]
    method = tiny.method("pcb_refined", 9, pcb_refined_alone_share=0.0)
    found = [(part.name, part.steps) for part in method.phases(100)]
    assert found == [("the stripes", 67), ("all parts", 33)]
    with pytest.raises(errors.UserError, match="--train_steps=1: .* 1, 0 and 0 steps"):
        method.phases(1)


@pytest.mark.parametrize("features", ["G", "H"])
def test_matching_takes_the_stripes_until_refinement_begins(features):
    method = _refined(pcb_features=features)
    images = tiny.view(tiny.batch(LABELS), 0)
    maps = method.encoder.feature_maps(images)
    hard, soft = stripes.means(maps, method._windows), method.soft_parts(maps)
    if features == "H":
        hard, soft = method.reduction(hard), method.reduction(soft)
    hard, soft = (tf.reshape(x, (3, -1)).numpy() for x in (hard, soft))
    assert np.abs(hard - soft).max() > 1e-3
    # Weights of --init_from may come with refinement begun: the stripes undo it.
    for part, expected in zip(
        (*method.phases(100), method.phases(100)[0]),
        (hard, soft, soft, hard),
        strict=True,
    ):
        part.begin(None)
        found = method.encode(images)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("phase", [1, 2])
def test_refined_loss_is_that_of_the_refined_means(phase):
    method = _refined(pcb_parts=3, pcb_dropout=0.5, pcb_dimension=4)
    batch = tiny.batch(LABELS)
    images = np.concatenate([tiny.view(batch, 0), tiny.view(batch, 1)])
    training = phase == 2
    maps = method.encoder.feature_maps(images, training=training)
    of_places = method._dropout_mask(batch, of_places=True)
    of_means = method._dropout_mask(batch)
    assert of_places.shape == (6, 6, 2, 16) and of_means.shape == (6, 3, 16)
    soft = method.soft_parts(maps, of_places)
    assert np.abs(soft - method.soft_parts(maps)).max() > 0.01
    means = soft * of_means
    reduced = means.numpy() @ method.reduction.linear.kernel.numpy()
    if training:  # By the batch's own statistics, in place of the start's.
        reduced = reduced - reduced.mean(axis=(0, 1))
        reduced = reduced / np.sqrt((reduced**2).mean(axis=(0, 1)) + 1e-5)
    reduced = np.maximum(reduced, 0)
    expected = 0.0
    for i in range(3):
        logits = reduced[:, i] @ method.classifiers.kernel.numpy()[i]
        expected += _softmax_losses(logits, LABELS * 2).mean()
    logs = tf.function(method.phases(100)[phase].step)(batch)
    assert float(logs["loss"]) == pytest.approx(expected, rel=1e-4)
    assert set(logs) == {"loss", "identification", "identification_accuracy"}


def _with_batch_norm():
    """A method whose encoder has moving averages, and whose optimiser decays."""
    network = tiny_run.network(8, 6, 1.0, None, 0.9, True, 2, channels=16)
    kind = pcb.PCB
    options = kind.Options(pcb_parts=3, pcb_refined=True, pcb_refined_alone_share=0.3)
    method = kind(encoder.Encoder(network), options)
    method.build_training(tiny.labels(9), tiny.request("pcb", {}))
    optimizer = fused_adam.FusedAdam(0.01, weight_decay=0.01, name="optimizer")
    method.compile(optimizer=optimizer, jit_compile=False)
    method.optimizer.build(method.trainable_variables)
    return method


@pytest.mark.filterwarnings("error:Gradients do not exist")
def test_a_phase_moves_what_is_its_own_and_nothing_else():
    soft = {"soft_parts/kernel", "soft_parts/bias"}
    method = _with_batch_norm()
    every = {v.path for v in method.variables} - {"soft_parts/begun"}
    assert {p.split("/")[-1] for p in every} >= {"moving_mean", "moving_variance"}
    shape = (4, 2, 8, 6, 3)
    images = np.random.default_rng(4).uniform(0, 255, shape).astype("float32")
    batch = {"images": tf.constant(images), "labels": tf.constant([4, 0, 7, 2])}
    expected = (every - soft, soft, every)
    for part, moving in zip(method.phases(100), expected, strict=True):
        held = [*method.variables, *method.optimizer.variables]
        before = {v.path: v.numpy() for v in held}
        step = tf.function(part.step)
        for _ in range(2):  # Some channels are dropped in one step.
            step(batch)
        moved = {v.path for v in held if np.any(v.numpy() != before[v.path])}
        assert moved & {v.path for v in method.variables} == moving, part.name
        # Adam's moments are of what moves, and its count of steps goes on.
        others = moved - moving - {"optimizer/iteration"}
        assert len(others) == 2 * len(
            moving & {v.path for v in method.trainable_variables}
        )
