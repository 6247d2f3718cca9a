"""Names of what thresholds are of, for all who write and read them."""

LIKENESS = "likeness (score / length of the probe's feature)"
"""What is measured where the score is linear in the probe; see
`calibration.by_probe_length`."""
