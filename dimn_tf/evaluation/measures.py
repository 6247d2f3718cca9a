"""Names of what thresholds are of, for all who write and read them."""

LIKENESS = "likeness (score / its scale / length of the probe's feature)"
"""What is measured where the score is linear in the probe; see
`calibration.likeness`."""
OLDER_LIKENESS = "likeness (score / length of the probe's feature)"
"""Of calibrations by older versions: the same where the scale is 1."""
