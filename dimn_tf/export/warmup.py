"""Requests that TensorFlow Serving answers to itself before it takes others."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import tensorflow as tf

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
BATCHES = (1, 8)
"""Batch sizes asked for; ours."""


def requests(
    files: Sequence[bytes], dimension: int
) -> list[tuple[str, Mapping[str, tf.Tensor]]]:
    """(signature, inputs) of each request: every signature at every batch size.

    Args:
        files: Image files, as many as the largest of `BATCHES`.
        dimension: D.
    """
    images = [tf.io.decode_image(f, channels=3) for f in files]
    made = []
    for size in BATCHES:
        batch = {"image_bytes": tf.constant(files[:size])}
        pixels = {"pixels": tf.stack(images[:size])}
        vectors = tf.ones((size, dimension))
        made += [
            ("embed_probe", batch),
            ("enroll_gallery", batch),
            ("embed_probe_pixels", pixels),
            ("enroll_gallery_pixels", pixels),
            ("score", {"probe_features": vectors, "gallery_classifiers": vectors}),
        ]
    return made


def write(
    folder: pathlib.Path, name: str, files: Sequence[bytes], dimension: int
) -> bool:
    """Writes the warm-up file of a version folder.

    Args:
        folder: The version's folder.
        name: The model's name at the server.
        files: See `requests`.
        dimension: D.

    Returns:
        Whether it was written: not where `tensorflow-serving-api` is not installed.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        return False
    path = folder / WARMUP_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests(files, dimension):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())
    return True
