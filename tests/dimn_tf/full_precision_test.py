"""TF32 is off wherever vectors are computed, and on again afterwards."""

import threading
import types

import pytest
import tensorflow as tf

from dimn_tf import full_precision
from dimn_tf.export import exporter
from tests.dimn_tf.export.made_up import HEIGHT, WIDTH

_rounds = tf.config.experimental.tensor_float_32_execution_enabled
_turn = tf.config.experimental.enable_tensor_float_32_execution


@pytest.mark.parametrize("before", [True, False])
def test_threads_leave_the_switch_as_it_was(before):
    """The first thread goes out while the second is still within."""
    both, first_is_out, seen = threading.Barrier(2), threading.Event(), []

    def compute(is_first):
        with full_precision.full_precision():
            both.wait(60)
            if not is_first:
                assert first_is_out.wait(60)
                seen.append(_rounds())
        if is_first:
            first_is_out.set()

    _turn(before)
    try:
        threads = [threading.Thread(target=compute, args=(x,)) for x in (True, False)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [False] and _rounds() is before
        with pytest.raises(KeyError), full_precision.full_precision():
            raise KeyError
        assert _rounds() is before
    finally:
        _turn(True)


def test_a_served_model_computes_in_whole_float32(small_export, monkeypatch):
    model, seen = small_export.model, []
    signatures = dict(model._loaded.signatures)

    def noted(function):
        def call(**given):
            seen.append(_rounds())
            return function(**given)

        return call

    noting = {name: noted(function) for name, function in signatures.items()}
    monkeypatch.setitem(
        model.__dict__, "_loaded", types.SimpleNamespace(signatures=noting)
    )
    (probe, *files) = exporter.made_up_images(3, HEIGHT, WIDTH)[1]
    vectors = model.gallery_classifiers(files).vectors
    model.probe_features([probe])
    model.explain(probe, files)
    model.explain_vectors(probe, vectors)
    assert seen == [False] * 4 and _rounds()
