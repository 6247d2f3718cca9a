"""--label_smoothing reaches every classifier of identities that a method trains."""

import pytest
import tensorflow as tf

from dimn_tf import losses
from tests.dimn_tf.methods import tiny


@pytest.mark.parametrize("name", tiny.CASES)
def test_all_cross_entropies_of_identities_are_smoothed(name, monkeypatch):
    method = tiny.method(name, 9, label_smoothing=0.1)
    seen, plain = [], losses.cross_entropy

    def watched(logits, labels, label_smoothing=0.0):
        seen.append(label_smoothing)
        return plain(logits, labels, label_smoothing)

    monkeypatch.setattr(losses, "cross_entropy", watched)
    counts = []
    for part in method.phases(20):
        if part.begin:
            part.begin(lambda: tiny.every_image(9))
        batch = {"step": tf.constant(0, tf.int64)}
        if part.takes_images:
            batch = tiny.batch_of(method, [4, 0, 7, 2])
        before = len(seen)
        part.step(batch)
        counts.append(len(seen) - before)
    assert all(counts)
    if name.startswith("crossgrad"):  # Which tells domains apart too, unsmoothed.
        assert sorted(seen) == [0.0, 0.0, 0.1, 0.1]
    else:
        assert set(seen) == {0.1}
