"""CrossGrad: its perturbations and its losses by hand, its averages, its export."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf.encoders import resnet50
from dimn_tf.methods import crossgrad
from tests.dimn_tf.methods import descent, tiny

LABELS = [4, 0, 7, 2]


def _method(**options):
    method = tiny.method("crossgrad", 9, **options)
    method.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=False)
    return method


def _cross_entropy(logits, labels):
    return -tf.gather(tf.nn.log_softmax(logits), labels, batch_dims=1)


@pytest.mark.parametrize("clip", [0.1, 1e-3])
def test_a_step_is_the_one_by_hand(clip):
    epsilon, alpha = 3.0, 0.3
    method = _method(
        crossgrad_epsilon=epsilon, crossgrad_alpha=alpha, crossgrad_clip=clip
    )
    batch = tiny.batch(LABELS)
    pixels = np.concatenate([tiny.view(batch, 0), tiny.view(batch, 1)])
    x = tf.constant(pixels / 127.5 - 1.0, tf.float32)
    labels = np.array(LABELS * 2)
    cameras = np.concatenate([batch["cameras"][:, 0], batch["cameras"][:, 1]])

    def label_net(inputs):
        return method.classifier(method.encoder((inputs + 1.0) * 127.5))

    def domain_net(inputs):
        return method.domain_classifier(method.domain_encoder((inputs + 1.0) * 127.5))

    moved = {}
    for name, net, target in (
        ("d", domain_net, cameras),
        ("l", label_net, labels),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            mean = tf.reduce_mean(_cross_entropy(net(x), target))
        gradient = np.clip(tape.gradient(mean, x).numpy(), -clip, clip)
        moved[name] = x + epsilon * gradient
    variables = method.trainable_variables
    start = [v.numpy() for v in variables]
    with tf.GradientTape() as tape:
        label_loss = (1 - alpha) * _cross_entropy(label_net(x), labels)
        label_loss += alpha * _cross_entropy(label_net(moved["d"]), labels)
        domain_loss = (1 - alpha) * _cross_entropy(domain_net(x), cameras)
        domain_loss += alpha * _cross_entropy(domain_net(moved["l"]), cameras)
        total = tf.reduce_sum(label_loss + domain_loss)
    gradients = tape.gradient(total, variables)
    logs = tf.function(method.train_step)(batch)
    assert float(logs["identification"]) == pytest.approx(
        float(tf.reduce_mean(label_loss)), rel=1e-4
    )
    assert float(logs["domain"]) == pytest.approx(
        float(tf.reduce_mean(domain_loss)), rel=1e-4
    )
    grey = np.abs(moved["d"] - x).mean() * 127.5
    assert float(logs["perturbation"]) == pytest.approx(grey, rel=1e-3)
    for variable, before, gradient in zip(variables, start, gradients, strict=True):
        found = before - variable.numpy()
        assert np.abs(found).max() > 1e-4
        np.testing.assert_allclose(found, gradient, rtol=1e-3, atol=1e-4)


def test_every_pass_has_batch_statistics_of_its_own():
    """And the averages are moved by the pass of the real images alone."""
    made = crossgrad.CrossGrad(
        descent.smooth_encoder(tiny.HEIGHT, tiny.WIDTH, 5),
        crossgrad.CrossGrad.Options(
            crossgrad_epsilon=50.0, crossgrad_alpha=0.3, crossgrad_clip=1e9
        ),
    )
    made.build_training(tiny.labels(9), tiny.request("crossgrad", {}))
    made.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=False)
    rng = np.random.default_rng(0)
    for variable in made.trainable_variables:
        variable.assign(rng.normal(0, 0.6, variable.shape))
    batch = tiny.batch(LABELS)
    pixels = np.concatenate([tiny.view(batch, 0), tiny.view(batch, 1)])
    x = tf.constant(pixels / 127.5 - 1.0, tf.float32)
    labels = np.array(LABELS * 2)
    cameras = np.concatenate([batch["cameras"][:, 0], batch["cameras"][:, 1]])

    def net(encoder, classifier):
        return lambda inputs: classifier(encoder((inputs + 1.0) * 127.5, training=True))

    label_net = net(made.encoder, made.classifier)
    domain_net = net(made.domain_encoder, made.domain_classifier)
    averages = [
        *made.encoder.non_trainable_variables,
        *made.domain_encoder.non_trainable_variables,
    ]
    before = [v.numpy() for v in averages]
    moved = {}
    for name, of, target in (("d", domain_net, cameras), ("l", label_net, labels)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            mean = tf.reduce_mean(_cross_entropy(of(x), target))
        moved[name] = x + 50.0 * tape.gradient(mean, x)
    once = [v.numpy() for v in averages]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(
            0.7 * _cross_entropy(label_net(x), labels)
            + 0.3 * _cross_entropy(label_net(moved["d"]), labels)
            + 0.7 * _cross_entropy(domain_net(x), cameras)
            + 0.3 * _cross_entropy(domain_net(moved["l"]), cameras)
        )
    gradients = tape.gradient(total, made.trainable_variables)
    for variable, value in zip(averages, before, strict=True):
        variable.assign(value)
    start = [v.numpy() for v in made.trainable_variables]
    tf.function(made.train_step)(batch)
    for variable, value, gradient in zip(
        made.trainable_variables, start, gradients, strict=True
    ):
        limit = 1e-4 * np.abs(gradient).max()
        np.testing.assert_allclose(value - variable, gradient, rtol=0, atol=limit)
    for variable, value, untouched in zip(averages, once, before, strict=True):
        np.testing.assert_allclose(variable, value, rtol=0, atol=1e-6)
        assert np.abs(value - untouched).max() > 1e-4


def test_without_a_perturbation_the_label_net_knows_no_camera():
    batch = tiny.batch(LABELS)
    changed = {**batch, "cameras": (batch["cameras"] + 1) % tiny.CAMERAS}
    ends = []
    for given in (batch, changed):
        other = _method(crossgrad_epsilon=0.0)
        other.train_step(given)
        ends.append([v.numpy() for v in other.encoder.variables])
    for a, b in zip(*ends, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("net", crossgrad.DOMAIN_NETS)
def test_the_domain_net_is_trained_and_stays_behind(net):
    method = _method(crossgrad_domain_net=net)
    held = {id(v) for v in method.inference_variables}
    domain = [*method.domain_encoder.variables, *method.domain_classifier.variables]
    assert not held & {id(v) for v in domain}
    before = [v.numpy() for v in domain]
    method.train_step(tiny.batch(LABELS))
    for variable, value in zip(domain, before, strict=True):
        assert np.abs(variable.numpy() - value).max() > 0, variable.path
    assert method.domain_classifier.units == tiny.CAMERAS


def test_a_whole_domain_net_starts_as_the_encoder_and_goes_its_own_way():
    method = _method()
    pairs = zip(method.encoder.variables, method.domain_encoder.variables, strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)
        assert a is not b and b.path == f"domain_{a.path}"
    method.train_step(tiny.batch(LABELS))
    assert (
        np.abs(method.encoder.variables[0] - method.domain_encoder.variables[0]).max()
        > 0
    )


def test_perturbed_images_leave_the_moving_averages():
    found = []
    for epsilon in (0.0, 50.0):
        method = _method(crossgrad_epsilon=epsilon, crossgrad_domain_net="small")
        method.train_step(tiny.batch(LABELS))
        found.append([v.numpy() for v in method.domain_encoder.non_trainable_variables])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(found[0][0]).max() > 0


def test_a_grey_level_is_known_in_any_networks_units():
    method = _method()
    assert float(method._units_of_a_level()) == pytest.approx(1 / 127.5)
    method.encoder.kind = resnet50.RESNET50
    assert float(method._units_of_a_level()) == pytest.approx(1.0)
