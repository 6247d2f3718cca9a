"""Comparisons with thresholds: exact, whatever the precision of the scores."""

import numpy as np

from dimn_tf.evaluation import measures


def test_a_threshold_is_never_rounded_to_the_scores():
    score = np.float32(0.7)
    above = float(np.nextafter(np.float64(score), 1))
    assert score >= above  # As NumPy compares them.
    assert measures.reaches(score, above) is False
    assert measures.reaches(float(score), float(score)) is True
    scores = np.array([[0.5, score], [np.nextafter(score, np.float32(1)), 0.9]])
    scores = scores.astype(np.float32)
    assert measures.reaches(scores, above).tolist() == [[False, False], [True, True]]
    assert measures.reaches(scores, np.float32(0.9)).sum() == 1
