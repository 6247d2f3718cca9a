"""MLDG: its gradient against finite differences, its two orders, its domains."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import errors
from dimn_tf.methods import mldg
from dimn_tf.training import options as training_options
from tests.dimn_tf.methods import descent, tiny

LABELS = [4, 0, 7, 2]  # Of the domains 1, 0, 1, 2.


def _method(**options):
    method = mldg.MLDG(
        descent.smooth_encoder(tiny.HEIGHT, tiny.WIDTH, 5),
        mldg.MLDG.Options(**options),
    )
    method.build_training(tiny.labels(9), tiny.request("mldg", options))
    rng = np.random.default_rng(0)
    for variable in method.trainable_variables:
        variable.assign(rng.normal(0, 0.6, variable.shape))
    method.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=False)
    return method


@pytest.mark.parametrize("softmax", mldg.SOFTMAXES)
def test_gradient_is_that_of_the_whole_objective(softmax):
    method = _method(mldg_inner_rate=0.5, mldg_test_weight=2.0, mldg_softmax=softmax)
    batch = tiny.batch(LABELS)
    _, gradient = descent.step(method, batch)
    rng = np.random.default_rng(1)
    for _ in range(3):
        direction = descent.direction_like(gradient, rng)
        found = descent.along(gradient, direction)
        expected = descent.finite_difference(method, batch, direction, h=5e-3)
        assert abs(expected) > 1e-2
        assert found == pytest.approx(expected, rel=3e-3)


def test_first_order_is_the_gradient_at_two_places():
    rate, weight = 0.5, 2.0
    method = _method(
        mldg_inner_rate=rate, mldg_test_weight=weight, mldg_second_order=False
    )
    batch = tiny.batch(LABELS)
    logs, found = descent.step(method, batch)
    variables = method.trainable_variables
    images = np.concatenate([tiny.view(batch, 0), tiny.view(batch, 1)])
    labels, domains = np.array(LABELS * 2), np.array([1, 0, 1, 2] * 2)
    (tested,) = {d for d, c in zip(domains, _chosen(method), strict=True) if c}

    def mean_loss(domain):
        rows = domains == domain
        logits = method.classifier(method.encoder(images[rows], training=True))
        at_label = tf.gather(tf.nn.log_softmax(logits), labels[rows], batch_dims=1)
        return -tf.reduce_mean(at_label)

    def all_trained_together():
        # One pass, as in the step: batch norm sees them together.
        rows = domains != tested
        logits = method.classifier(method.encoder(images[rows], training=True))
        at_label = tf.gather(tf.nn.log_softmax(logits), labels[rows], batch_dims=1)
        means = [
            -tf.reduce_mean(tf.boolean_mask(at_label, domains[rows] == d))
            for d in range(3)
            if d != tested
        ]
        return tf.add_n(means) / 2.0

    start = [v.numpy() for v in variables]
    with tf.GradientTape() as tape:
        train = all_trained_together()
    at_theta = [g.numpy() for g in tape.gradient(train, variables)]
    for variable, value, g in zip(variables, start, at_theta, strict=True):
        variable.assign(value - rate * g)
    with tf.GradientTape() as tape:
        test = mean_loss(tested)
    after = [g.numpy() for g in tape.gradient(test, variables)]
    for variable, value in zip(variables, start, strict=True):
        variable.assign(value)
    assert float(logs["meta_train"]) == pytest.approx(float(train), rel=1e-4)
    assert float(logs["meta_test"]) == pytest.approx(float(test), rel=1e-4)
    assert float(logs["loss"]) == pytest.approx(float(train + weight * test), rel=1e-4)
    for g, a, b in zip(found, at_theta, after, strict=True):
        np.testing.assert_allclose(g, a + weight * b, rtol=1e-3, atol=1e-4)
    _, second = descent.step(
        _method(mldg_inner_rate=rate, mldg_test_weight=weight), batch
    )
    assert max(np.abs(a - b).max() for a, b in zip(found, second, strict=True)) > 1e-2


def _chosen(method, domains=(1, 0, 1, 2) * 2):
    domains = tf.constant(domains)
    return method._is_test(domains, method.optimizer.iterations).numpy()


def test_each_source_is_the_meta_test_now_and_then():
    method = _method()
    found = set()
    for step in range(20):
        method.optimizer.iterations.assign(step)
        found.add(tuple(_chosen(method, [0, 1, 2])))
    assert found == {(True, False, False), (False, True, False), (False, False, True)}


def test_the_pass_at_theta_alone_moves_the_averages():
    start = None
    for weight in (0.0, 5.0):
        method = _method(mldg_test_weight=weight, mldg_inner_rate=3.0)
        descent.step(method, tiny.batch(LABELS))
        found = [v.numpy() for v in method.encoder.non_trainable_variables]
        if start is not None:
            for a, b in zip(start, found, strict=True):
                np.testing.assert_array_equal(a, b)
        start = found
    assert np.abs(start[0]).max() > 0


def test_a_pass_for_statistics_moves_the_averages_as_a_step_does():
    """The batch of its own number: meta-train's images alone."""
    found = []
    for step in (False, True):
        method = _method()
        method.optimizer.iterations.assign(3)
        if step:
            method.train_step(tiny.batch(LABELS))
        else:
            method.optimizer.iterations.assign(1)
            method.statistics_step(tiny.batch(LABELS), tf.constant(2))
        found.append([v.numpy() for v in method.encoder.non_trainable_variables])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert np.abs(found[0][0]).max() > 0


@pytest.mark.parametrize(
    "values, options, said",
    [
        ({"sources": ("a",)}, {}, "--mldg_test_domains=1: none of 1 source"),
        (
            {"domain_sampling": "uniform"},
            {},
            "--domain_sampling=uniform: --method=mldg",
        ),
        (
            {},
            {"mldg_softmax": "domain", "label_smoothing": 0.1},
            "--label_smoothing=0.1: with --mldg_softmax=domain",
        ),
    ],
)
def test_what_it_cannot_train_with_is_refused(values, options, said):
    data = training_options.DataOptions(**{"domain_sampling": "quota", **values})
    with pytest.raises(errors.UserError, match=said):
        mldg.MLDG.batch_request(data, mldg.MLDG.Options(**options))


def test_whole_batches_are_told_by_the_option_that_was_given():
    """Replicas share twelve identities: four of each of three sources."""
    data = training_options.DataOptions(
        sources=("a", "b", "c"), domain_sampling="quota", identities_per_batch=4
    )

    def refuse(replicas, **options):
        request = mldg.MLDG.batch_request(data, mldg.MLDG.Options(**options))
        mldg.MLDG.refuse_replicas(request, data, replicas)

    told = "of --identities_per_batch=4 .12 identities a step: 4 of each of 3 sources."
    with pytest.raises(errors.UserError, match=f"{told} each has 2 and so not every"):
        refuse(6, mldg_whole_batches=True)
    with pytest.raises(errors.UserError, match="of --identities_per_batch=4 each has"):
        refuse(2, mldg_whole_batches=False)
    with pytest.raises(errors.UserError, match="cannot be shared by --replicas=5: ch"):
        refuse(5, mldg_whole_batches=True)
    refuse(4, mldg_whole_batches=True)


@pytest.mark.parametrize(("whole", "identities"), [(False, 32), (True, 96)])
def test_each_source_has_its_share_of_a_batch_or_one_of_its_own(whole, identities):
    data = training_options.DataOptions(
        domain_sampling="quota", sources=("a", "b", "c"), identities_per_batch=32
    )
    options = mldg.MLDG.Options(mldg_whole_batches=whole)
    request = mldg.MLDG.batch_request(data, options)
    assert request.identities == identities and request.images == 2 * identities
    assert mldg.MLDG.steps_of_budget(1920, request, options) == 1920 // request.images
