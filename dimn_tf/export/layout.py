"""Names of what an export holds: files, signatures, faults. Needs no TensorFlow."""

METADATA_FILE, CARD_FILE = "metadata.json", "model_card.md"
ONNX_FILE, LITERT_FILE = "model.onnx", "model.tflite"

SIGNATURES = (
    "embed_probe",
    "embed_probe_pixels",
    "enroll_gallery",
    "enroll_gallery_pixels",
    "score",
)
EXPLAIN, EXPLAIN_VECTORS = "explain", "explain_vectors"
"""Further signatures, of methods that have score maps: of pairs of images, and of an
image and vectors."""
DEFAULT_SIGNATURE = "embed_probe"
"""What a server answers with where a request names no signature."""

DECODED, FAULT = "decoded", "fault"
"""Outputs of the signatures that take files: bool [n], and string [n], empty where an
image was decoded and else one of the words below."""
UNDECODABLE = "undecodable"
"""No whole JPEG, PNG or BMP image."""
TOO_LARGE = "too_large"
"""Its header tells more pixels than one image may have."""
REQUEST_FULL = "request_full"
"""The images before it have used up the pixels of a request: send it in another."""
