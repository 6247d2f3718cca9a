"""Encoders g: an image to a feature, chosen by name."""

from dimn_tf.encoders.encoder import BACKBONES, Encoder, build_encoder

__all__ = ["BACKBONES", "Encoder", "build_encoder"]
