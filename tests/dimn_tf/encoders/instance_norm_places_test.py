"""Where MobileNetV2 gets instance norms, and what they start with."""

import keras
import numpy as np
import pytest

from dimn_tf.encoders import instance_norm, instance_norm_places, mobilenet_v2
from tests.dimn_tf.export import made_up

PLACES = mobilenet_v2.MOBILENET_V2.instance_norms
REPLACED = ("bn_Conv1", "expanded_conv_project_BN", "block_1_project_BN")


@pytest.fixture(scope="module")
def stock():
    network = mobilenet_v2.mobilenet_v2(64, 32, 0.35, None, 0.9)
    made_up.shake(network)
    for name in REPLACED:
        gamma = network.get_layer(name).gamma
        gamma.assign_add(np.linspace(-3, 0, gamma.shape[0]))
    return network


def _through(stock, last):
    names = list(PLACES)
    chosen = {n: PLACES[n] for n in names[: names.index(last) + 1]}
    return instance_norm_places.with_instance_norm(stock, chosen)


def _norms(network):
    return {
        layer.name: layer
        for layer in network.layers
        if isinstance(layer, instance_norm.InstanceNormalization)
    }


def _reads(layer):
    """The layer whose output a layer takes."""
    return layer.input._keras_history.operation.name


def test_there_is_one_after_each_block_and_one_in_the_stems_place(stock):
    assert list(PLACES) == ["stem", *(f"block_{i}" for i in range(17))]
    made = _through(stock, "block_16")
    norms = _norms(made)
    assert list(norms) == [f"{name}_instance_norm" for name in PLACES]
    assert _reads(norms["stem_instance_norm"]) == "Conv1"
    assert "bn_Conv1" not in {layer.name for layer in made.layers}
    # A batch norm that an instance norm would undo gives way to it.
    left = {layer.name for layer in made.layers if "project_BN" in layer.name}
    assert left == {f"block_{i}_project_BN" for i in (2, 4, 5, 7, 8, 9, 11, 12, 14, 15)}
    for i in range(17):
        before = norms[f"block_{i}_instance_norm"].input
        # Whatever comes after the block reads the normalised output alone.
        (node,) = before._keras_history.operation._outbound_nodes
        assert node.operation is norms[f"block_{i}_instance_norm"]
    sums = [layer for layer in made.layers if isinstance(layer, keras.layers.Add)]
    assert {_reads(n) for n in norms.values()} >= {layer.name for layer in sums}


def test_the_others_stay_as_they_are(stock):
    made = _through(stock, "block_2")
    assert list(_norms(made)) == [
        f"{name}_instance_norm" for name in ("stem", "block_0", "block_1", "block_2")
    ]
    for layer in stock.layers:
        if layer.name in REPLACED:
            continue
        again = made.get_layer(layer.name)
        for a, b in zip(layer.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    assert made.output_shape == stock.output_shape
    assert instance_norm_places.with_instance_norm(stock, {}) is stock


def test_they_start_with_the_moments_that_batch_norm_gave(stock):
    made = _norms(_through(stock, "block_5"))

    def of(name):
        layer = stock.get_layer(name)
        return layer.gamma.numpy(), layer.beta.numpy()

    for name, place in zip(("stem", "block_0", "block_1"), REPLACED, strict=True):
        gamma, beta = of(place)
        assert gamma.min() < 0  # Kept: it is the batch norm's own place.
        np.testing.assert_allclose(made[f"{name}_instance_norm"].gamma, gamma)
        np.testing.assert_allclose(made[f"{name}_instance_norm"].beta, beta)
    for name, parts in {
        "block_2": ["block_1_project_BN", "block_2_project_BN"],
        "block_5": [f"block_{i}_project_BN" for i in (3, 4, 5)],
    }.items():
        gammas, betas = zip(*map(of, parts), strict=True)
        layer = made[f"{name}_instance_norm"]
        np.testing.assert_allclose(
            layer.gamma, np.sqrt(sum(g * g for g in gammas)), rtol=1e-6
        )
        np.testing.assert_allclose(layer.beta, sum(betas), atol=1e-6)


def test_images_of_those_moments_are_left_as_they_are():
    rng = np.random.default_rng(0)
    image = np.zeros((1, 8, 4, 3), np.float32)
    upper = rng.normal(size=(4, 4, 3))
    image[0, :4] = upper - upper.mean(axis=(0, 1))
    # An image and itself upside down have no common part: variances add up.
    images, flipped = keras.Input((8, 4, 3)), keras.Input((8, 4, 3))
    hidden = keras.layers.BatchNormalization(name="first", epsilon=0)(images)
    other = keras.layers.BatchNormalization(name="second", epsilon=0)(flipped)
    network = keras.Model(
        [images, flipped], keras.layers.Add(name="sum")([hidden, other])
    )
    moments = [image.mean(axis=(0, 1, 2)), image.var(axis=(0, 1, 2))]
    for name, own in (
        ("first", [[2, 1, 3], [1, 0, -1]]),
        ("second", [[1, 2, -1], [0, 2, 5]]),
    ):
        network.get_layer(name).set_weights([*map(np.array, own), *moments])
    made = instance_norm_places.with_instance_norm(
        network, {"end": instance_norm_places.Place("sum")}
    )
    both = [image, image[:, ::-1]]
    before = network(both).numpy()
    assert np.ptp(before) > 5
    np.testing.assert_allclose(made(both), before, atol=0.01)


def test_a_place_without_moments_is_refused(stock):
    with pytest.raises(ValueError, match="Conv1_relu is a ReLU: neither a batch norm"):
        instance_norm_places.with_instance_norm(
            stock, {"there": instance_norm_places.Place("Conv1_relu")}
        )
