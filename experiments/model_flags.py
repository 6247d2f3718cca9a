"""Flags that name an export and what runs it."""

from absl import flags

from dimn_tf.export import onnx_vectors, served_model
from experiments import devices, path_flags

FLAGS = flags.FLAGS
_WORDS = {"saved_model": "TensorFlow", "onnx": "ONNX Runtime"}


def define(required: bool = True) -> None:
    """Defines --model and --runtime."""
    path_flags.define_path("model", None, "Export, or one version.", required=required)
    flags.DEFINE_enum(
        "runtime",
        None,
        onnx_vectors.RUNTIMES,
        "What computes vectors: TensorFlow, or ONNX Runtime, which takes less time on "
        "a CPU; the figures are the same to float32's rounding. Left out: onnx where "
        "the export holds model.onnx, the package is installed and there is no GPU.",
    )


def load() -> served_model.ServedModel:
    """The export, with the runtime that the flags say; prepares the devices first.

    Raises:
        errors.UserError: see `ServedModel`.
    """
    devices.prepare()
    return served_model.ServedModel(FLAGS.model, FLAGS.runtime or "")


def told(model: served_model.ServedModel) -> str:
    """What computed the vectors, for a command's last words."""
    return f"vectors by {_WORDS[model.runtime]}"
