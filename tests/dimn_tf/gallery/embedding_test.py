"""Images -> vectors; what gives none is named, progress is shown where it is asked."""

import io
import sys

import numpy as np

from data_builders import dummy_images
from dimn_tf import progress
from dimn_tf.export import served_model
from dimn_tf.gallery import embedding, image_sources


def test_vectors_that_are_no_vectors_are_skipped_by_name(tmp_path):
    dummy_images.write(tmp_path, [f"{i}.png" for i in range(5)])
    sources = list(image_sources.expand([str(tmp_path)]))
    vectors = np.array([[1, 2], [0, 0], [np.nan, 1], [0, -1], [3, np.inf]], np.float32)
    faults = ("", "", "", "", "")
    skipped = []
    (batch,) = embedding.embed(
        lambda files: served_model.Answer(vectors, faults), sources, skipped
    )
    assert [row.source for row in batch] == [sources[0], sources[3]]
    np.testing.assert_array_equal([row.vector for row in batch], vectors[[0, 3]])
    reason = "the model finds nothing in it"
    assert skipped == [(sources[i].entry_id, reason) for i in (1, 2, 4)]


def test_progress_is_told_at_once_on_stderr_and_only_where_it_has_a_name(monkeypatch):
    monkeypatch.setattr(progress, "_SHORT_SECONDS", 0.0)
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(buffer))
    assert list(embedding.shown([1, 2], "")) == [1, 2]
    sys.stderr.flush()
    assert buffer.getvalue() == b""
    assert list(embedding.shown([1, 2], "enrolling")) == [1, 2]
    assert b"enrolling: 2/2 images" in buffer.getvalue()  # Nothing had to be flushed.
