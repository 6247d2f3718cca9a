"""DIMN's step against a literal, slow Algorithm 1."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from dimn_tf import config, errors
from dimn_tf.training import options as training_options
from tests.dimn_tf.methods import tiny

C, LABELS = 9, [4, 0, 7]


def _literal_step(method, batch, alpha=0.5, delta=0.8, l1=1.0, l2=0.01, l3=1.0):
    """Algorithm 1, steps 2 to 9, column by column, with a full copy of W.

    Returns L_full's terms, the gradients of L_full, and W after Eq. 5, [D, C].
    """
    w = method.memory_bank.classifiers.numpy().T.copy()
    theta = method.classifier.kernel.value
    omega = method.mapping.kernel.value
    variables = [v.value for v in method.trainable_variables]
    n = len(LABELS)
    with tf.GradientTape() as tape:
        that = []
        for j in range(n):
            x = method.encoder(batch["images"][j : j + 1, 0], training=True)
            column = tf.linalg.matvec(omega, x[0], transpose_a=True)
            if method.options.normalise_classifiers:
                column = column / tf.norm(column)
            that.append(column)
        columns = [that[LABELS.index(c)] if c in LABELS else w[:, c] for c in range(C)]
        online = tf.stack([tf.convert_to_tensor(c) for c in columns], axis=1)
        id_loss = mat_loss = reg_loss = tri_loss = 0.0
        for i, label in enumerate(LABELS):
            g = method.encoder(batch["images"][i : i + 1, 1], training=True)[0]
            id_loss -= tf.nn.log_softmax(tf.linalg.matvec(theta, g, transpose_a=True))[
                label
            ]
            s = tf.nn.softmax(tf.linalg.matvec(online, g, transpose_a=True))
            mat_loss -= tf.math.log(s[label])
            reg_loss += tf.reduce_sum((w[:, label] - that[i]) ** 2)
            hardest = tf.reduce_max([s[c] for c in range(C) if c != label])
            tri_loss += tf.maximum(0.0, delta + hardest - s[label])
        full = id_loss + l1 * mat_loss + l2 * reg_loss + l3 * tri_loss
    gradients = tape.gradient(full, variables)
    what = online.numpy()
    new = (1 - alpha) * w + alpha * what
    for label in LABELS:
        new[:, label] /= np.linalg.norm(new[:, label])
    for other in set(range(C)) - set(LABELS):
        new[:, other] = w[:, other]
    terms = {
        "loss": full,
        "identification": id_loss,
        "matching": mat_loss,
        "regularisation": reg_loss,
        "logit_triplet": tri_loss,
    }
    return {k: float(v) / n for k, v in terms.items()}, gradients, new


def _method(**options):
    method = tiny.method(
        "dimn", C, memory_start="random", mapping_start="random", **options
    )
    # Plain gradient descent at rate 1: the step is the negative gradient.
    method.compile(optimizer=keras.optimizers.SGD(1.0), jit_compile=False)
    # Smaller features, so that no softmax saturates.
    method.mapping.kernel.assign(method.mapping.kernel * 0.3)
    return method


@pytest.mark.parametrize("normalise", [True, False])
def test_train_step_equals_literal_algorithm_1(normalise):
    method = _method(normalise_classifiers=normalise)
    batch = tiny.batch(LABELS)
    terms, gradients, memory = _literal_step(method, batch)
    before = [v.numpy() for v in method.trainable_variables]
    logs = tf.function(method.train_step)(batch)
    for name, expected in terms.items():
        assert float(logs[name]) == pytest.approx(expected, rel=1e-4), name
    for variable, old, gradient in zip(
        method.trainable_variables, before, gradients, strict=True
    ):
        assert np.abs(gradient).max() > 0, variable.path
        np.testing.assert_allclose(
            old - variable.numpy(),
            gradient,
            rtol=2e-3,
            atol=2e-5,
            err_msg=variable.path,
        )
    np.testing.assert_allclose(
        method.memory_bank.classifiers.numpy().T, memory, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    ("option", "argument"),
    [
        ("running_average", "alpha"),
        ("triplet_margin", "delta"),
        ("matching_weight", "l1"),
        ("regularisation_weight", "l2"),
        ("triplet_weight", "l3"),
    ],
)
def test_every_constant_of_the_paper_reaches_its_place(option, argument):
    method = _method(**{option: 0.35})
    batch = tiny.batch(LABELS)
    terms, _, memory = _literal_step(method, batch, **{argument: 0.35})
    logs = method.train_step(batch)
    assert float(logs["loss"]) == pytest.approx(terms["loss"], rel=1e-4)
    np.testing.assert_allclose(
        method.memory_bank.classifiers.numpy().T, memory, rtol=1e-4, atol=1e-6
    )


def test_defaults_are_the_papers_constants():
    options = tiny.methods.METHODS["dimn"].Options()
    assert options.running_average == 0.5
    assert options.triplet_margin == 0.8
    assert options.matching_weight == options.triplet_weight == 1.0
    assert options.regularisation_weight == 0.01
    assert options.label_smoothing == 0.0
    assert options.logit_scale == 1.0
    assert options.identified_branches == "probe"
    assert options.memory_bank and not options.normalise_probes
    assert options.mapping_activation == "linear"
    assert options.memory_start == "zeros" and options.mapping_start == "identity"
    assert not options.mapping_bias and not options.classifier_bias
    assert options.normalise_classifiers


def test_accuracies_count_the_batch():
    method = _method()
    batch = tiny.batch(LABELS)
    features = method.encode(tiny.view(batch, 1))
    logits = method.classifier(features).numpy()
    expected = np.mean(logits.argmax(1) == LABELS)
    logs = method.train_step(batch)
    assert float(logs["identification_accuracy"]) == pytest.approx(expected)


def test_score_is_asymmetric_gallery_through_the_mapping():
    method = _method(normalise_classifiers=False)
    rng = np.random.default_rng(0)
    probes, gallery = rng.normal(size=(2, 4, tiny.DIMENSION)).astype(np.float32)
    scores = method.score(
        method.probe_representation(probes), method.gallery_representation(gallery)
    )
    omega = method.mapping.kernel.numpy()
    expected = [[p @ (g @ omega) for g in gallery] for p in probes]
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)
    swapped = [[(p @ omega) @ g for g in gallery] for p in probes]
    assert not np.allclose(scores, swapped, atol=1e-2)


def test_unit_classifiers_at_test_as_in_training():
    method = _method(normalise_classifiers=True)
    gallery = (
        np.random.default_rng(0).normal(size=(4, tiny.DIMENSION)).astype("float32")
    )
    norms = np.linalg.norm(method.gallery_representation(gallery), axis=1)
    np.testing.assert_allclose(norms, 1.0, rtol=1e-5)


def test_identity_start_maps_a_feature_to_itself():
    method = tiny.method("dimn", C, normalise_classifiers=False)
    features = (
        np.random.default_rng(0).normal(size=(4, tiny.DIMENSION)).astype("float32")
    )
    np.testing.assert_allclose(method.gallery_representation(features), features)


def test_normalised_probes_and_scale_change_the_matching_logits_only():
    batch = tiny.batch(LABELS)
    plain, scaled = _method(), _method(normalise_probes=True, logit_scale=4.0)
    a, b = plain.train_step(batch), scaled.train_step(batch)
    assert float(a["identification"]) == pytest.approx(float(b["identification"]))
    method = _method()
    probes = tf.math.l2_normalize(method.encode(tiny.view(batch, 1)), axis=-1).numpy()
    predicted = method.gallery_representation(
        method.encode(tiny.view(batch, 0))
    ).numpy()
    w = method.memory_bank.classifiers.numpy()
    w[LABELS] = predicted
    logits = 4.0 * probes @ w.T
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -np.mean(log_p[np.arange(3), LABELS])
    assert float(b["matching"]) == pytest.approx(expected, rel=1e-4)


def test_both_branches_share_the_identification_loss():
    batch = tiny.batch(LABELS)
    both = _method(identified_branches="both")
    expected = correct = 0.0
    for branch in (0, 1):
        logits = both.classifier(both.encode(tiny.view(batch, branch))).numpy()
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        expected -= log_p[np.arange(3), LABELS].mean() / 2
        correct += np.mean(logits.argmax(1) == LABELS) / 2
    a, b = both.train_step(batch), _method().train_step(batch)
    assert float(a["identification"]) == pytest.approx(expected, rel=1e-4)
    assert float(a["identification_accuracy"]) == pytest.approx(correct)
    assert float(a["matching"]) == pytest.approx(float(b["matching"]), rel=1e-5)


def test_fit_learns_a_tiny_problem():
    method = tiny.method("dimn", 3, rate=0.003)
    batch = tiny.batch([0, 1, 2])
    data = tf.data.Dataset.from_tensors(batch).repeat()
    method.fit(data, steps_per_epoch=1, shuffle=False, verbose=0)
    first = method.train_step(batch)
    method.fit(data, steps_per_epoch=150, shuffle=False, verbose=0)
    last = method.train_step(batch)
    assert float(last["loss"]) < 0.7 * float(first["loss"])
    assert int(method.optimizer.iterations) == 153


def test_without_memory_bank_the_batch_alone_is_matched():
    """Table 7: the negatives are the batch's; neither Eq. 5 nor Eq. 6."""
    method = _method(memory_bank=False)
    assert not hasattr(method, "memory_bank")
    batch = tiny.batch(LABELS)
    that = method.gallery_representation(method.encode(tiny.view(batch, 0))).numpy()
    probes = method.encode(tiny.view(batch, 1)).numpy()
    logits = probes @ that.T
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    hardest = np.where(np.eye(3, dtype=bool), 0, p).max(axis=1)
    triplet = np.maximum(0, 0.8 + hardest - np.diag(p))
    logs = method.train_step(batch)
    assert float(logs["matching"]) == pytest.approx(-np.log(np.diag(p)).mean(), 1e-4)
    assert float(logs["logit_triplet"]) == pytest.approx(triplet.mean(), 1e-4)
    assert float(logs["regularisation"]) == 0
    correct = (logits.argmax(axis=1) == np.arange(3)).mean()
    assert float(logs["matching_accuracy"]) == pytest.approx(correct)
    terms = ("identification", "matching", "logit_triplet")
    assert float(logs["loss"]) == pytest.approx(sum(float(logs[t]) for t in terms))


def test_the_matching_accuracy_is_of_the_probes_against_the_online_memory():
    method = _method()
    batch = tiny.batch(LABELS)
    online = method.memory_bank.classifiers.numpy()
    online[LABELS] = method.gallery_representation(
        method.encode(tiny.view(batch, 0))
    ).numpy()
    shares = [
        np.mean(
            (method.encode(tiny.view(batch, k)).numpy() @ online.T).argmax(1) == LABELS
        )
        for k in (0, 1)
    ]
    logs = method.train_step(batch)
    assert float(logs["matching_accuracy"]) == pytest.approx(shares[1])


def test_another_number_of_images_than_two_is_refused():
    method_options = tiny.methods.METHODS["dimn"].Options()
    data = training_options.DataOptions(images_per_identity=4)
    with pytest.raises(errors.UserError, match="--images_per_identity=4: this method"):
        tiny.methods.METHODS["dimn"].batch_request(data, method_options)
    asked = tiny.methods.METHODS["dimn"].batch_request(
        training_options.DataOptions(cross_camera_pairs=True), method_options
    )
    assert asked.cross_camera and asked.images_per_identity == 2
    assert asked.identities == 32 and asked.domain_sampling == "uniform"


def test_label_smoothing_reaches_both_softmaxes():
    method = _method(label_smoothing=0.3)
    batch = tiny.batch(LABELS)
    gallery, probes = (method.encode(tiny.view(batch, k)).numpy() for k in (0, 1))
    online = method.memory_bank.classifiers.numpy()
    online[LABELS] = method.gallery_representation(gallery)
    both = {
        "identification": method.classifier(probes).numpy(),
        "matching": probes @ online.T,
    }
    logs = method.train_step(batch)
    for name, logits in both.items():
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        own = log_p[np.arange(3), LABELS]
        expected = -np.mean(0.7 * own + 0.3 * log_p.mean(axis=1))
        assert float(logs[name]) == pytest.approx(expected, rel=1e-4), name


@pytest.mark.parametrize("activation", ["linear", "relu", "leaky_relu", "tanh"])
def test_the_mapping_has_its_activation_and_its_bias(activation):
    method = _method(
        mapping_activation=activation, mapping_bias=True, normalise_classifiers=False
    )
    rng = np.random.default_rng(0)
    method.mapping.bias.assign(rng.normal(size=tiny.DIMENSION))
    gallery = rng.normal(size=(4, tiny.DIMENSION)).astype(np.float32)
    mapped = gallery @ method.mapping.kernel.numpy() + method.mapping.bias.numpy()
    expected = {
        "linear": mapped,
        "relu": np.maximum(mapped, 0),
        "leaky_relu": np.where(mapped > 0, mapped, 0.2 * mapped),
        "tanh": np.tanh(mapped),
    }[activation]
    found = method.gallery_representation(gallery)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_every_random_start_is_of_the_seed_and_of_its_option():
    def starts(seed, **options):
        made = tiny.method("dimn", tiny.DIMENSION, seed, **options)
        assert made.classifier.use_bias == options.get("classifier_bias", False)
        kernels = made.classifier.kernel, made.mapping.kernel
        return [v.numpy() for v in (*kernels, made.memory_bank.classifiers)]

    random = {"memory_start": "random", "mapping_start": "random"}
    first, again = starts(3, **random), starts(3, **random, classifier_bias=True)
    other, plain = starts(5, **random), starts(3)
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.allclose(a, c)
    # Of one shape here: no two parts start alike, nor as a part of the next seed.
    for a, b in itertools.combinations(first, 2):
        assert not np.allclose(a, b) and not np.allclose(a, b.T)
    np.testing.assert_array_equal(plain[1], np.eye(tiny.DIMENSION))
    assert not plain[2].any()


def test_what_a_gallery_searches_by_gives_the_score():
    method = _method(logit_scale=4.0, normalise_probes=True)
    rng = np.random.default_rng(0)
    probes, gallery = rng.normal(size=(2, 4, tiny.DIMENSION)).astype(np.float32)
    probes = method.probe_representation(probes)
    gallery = method.gallery_representation(gallery)
    products = method.inner_product_scale * np.matmul(probes, gallery.numpy().T)
    np.testing.assert_allclose(method.score(probes, gallery), products, rtol=1e-5)
    assert method.inner_product_scale == 4.0
    assert tiny.method("aggregation", C).inner_product_scale is None


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("running_average", 0, 1),
        ("triplet_margin", 0, 9),
        ("matching_weight", 0, 9),
        ("regularisation_weight", 0, 9),
        ("triplet_weight", 0, 9),
        ("logit_scale", 1e-12, 9),
    ],
)
def test_ranges(name, least, most):
    kind = tiny.methods.METHODS["dimn"].Options
    for allowed in (least, most):
        config.check(kind(**{name: allowed}))
    for refused in (least - 1e-13, least - 1, most + 1 if most == 1 else -1):
        with pytest.raises(errors.UserError, match=f"--{name}="):
            config.check(kind(**{name: refused}))


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("identified_branches", ("probe", "both")),
        ("memory_start", ("zeros", "random")),
        ("mapping_start", ("identity", "random")),
        ("mapping_activation", ("linear", "relu", "leaky_relu", "tanh")),
    ],
)
def test_choices(name, choices):
    kind = tiny.methods.METHODS["dimn"].Options
    for choice in choices:
        config.check(kind(**{name: choice}))
    with pytest.raises(errors.UserError, match=f"--{name}=other: expected one of"):
        config.check(kind(**{name: "other"}))
