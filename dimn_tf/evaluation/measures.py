"""What thresholds are of, by name, and how they are compared: for all who do."""

import numpy as np

LIKENESS = "likeness (score / its scale / length of the probe's feature)"
"""What is measured where the score is linear in the probe; see
`calibration.likeness`."""
OLDER_LIKENESS = "likeness (score / length of the probe's feature)"
"""Of calibrations by older versions: the same where the scale is 1."""


def reaches(scores: np.ndarray | float, threshold: float) -> np.ndarray | bool:
    """Whether scores are at or above a threshold.

    Compared in float64, where every float32 is what it is. NumPy compares float32 with
    a Python number in float32, which may round a threshold down to a score beneath it.

    Args:
        scores: Real, of any shape.
        threshold: As a calibration tells it.

    Returns:
        bool of their shape, of one score Python's.
    """
    found = np.asarray(scores, np.float64) >= np.float64(threshold)
    return found if found.ndim else bool(found)
