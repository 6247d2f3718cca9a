"""TFDS builders of the ReID data sets: raw archive -> records."""
