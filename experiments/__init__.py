"""Thin launchers: flags in, one call, files out."""

import os

# Before TensorFlow is imported: its notes on CPU features say nothing to a user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Before Keras is imported: a launcher owns its process, whatever ~/.keras/keras.json or
# the environment say (see `dimn_tf.keras_settings`).
os.environ["KERAS_BACKEND"] = "tensorflow"
