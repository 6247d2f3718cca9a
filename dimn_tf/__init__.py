"""Generalizable person re-identification with DIMN (CVPR 2019) in TensorFlow."""

__version__ = "0.1.0"
