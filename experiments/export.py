r"""Exports a trained run for serving, each format checked against the live model.

    python -m experiments.export --workdir=runs/dg --export_dir=exports/dg \
        --formats=saved_model,onnx,litert

Writes EXPORT_DIR/VERSION/: a SavedModel in TensorFlow Serving's layout, model.onnx and
model.tflite where asked for, metadata.json and model_card.md.
"""

import hashlib
import json
import pathlib

from absl import flags as absl_flags

from data_builders import registry
from dimn_tf import errors
from dimn_tf.evaluation import results
from dimn_tf.export import exporter, formats, model_card
from dimn_tf.training import checkpoints, run, workdir
from experiments import flags, launch

FLAGS = flags.FLAGS

_CHUNK = 1 << 20


def define() -> None:
    """Defines the command's flags."""
    absl_flags.DEFINE_string("workdir", None, "Folder of the run.", required=True)
    absl_flags.DEFINE_string(
        "export_dir",
        None,
        "Folder of versions; the next number is taken.",
        required=True,
    )
    absl_flags.DEFINE_list(
        "formats",
        ["saved_model"],
        f"Some of {', '.join(formats.FORMATS)}. The last two take pixels at the "
        "model's input size and need the extras of their names (setup.py).",
    )


def main(_):
    directory = workdir.WorkDir(pathlib.Path(FLAGS.workdir))
    recorded = workdir.read(directory)
    values = {k: v for k, v in recorded.items() if k not in workdir.FINDINGS}
    options = flags.options_from(values)
    method, step = run.restore_method(options, recorded["num_identities"], directory)
    method = run.in_float32(method, options)
    metadata = {
        "method": options.method,
        "step": step,
        "num_identities": recorded["num_identities"],
        "checkpoint": f"ckpt-{step}",
        "checkpoint_sha256": _checkpoint_sha256(directory, step),
        "flags": values,
        "results": _of_step(directory.results, step, "experiments.evaluate"),
        "thresholds": _of_step(directory.calibration, step, "experiments.calibrate"),
        "licences": [_licence(name) for name in values["sources"]],
        "versions": results.versions(),
    }
    folder = exporter.export(
        method,
        FLAGS.export_dir,
        options.data.image_height,
        options.data.image_width,
        metadata,
        model_card.model_card,
        FLAGS.formats,
    )
    print(f"Exported: {folder}")


def _of_step(path: pathlib.Path, step: int, command: str):
    """What a file of the run holds; None where it is of another checkpoint."""
    found = json.loads(path.read_text()) if path.is_file() else None
    if found is not None and found.get("step") != step:
        print(
            f"{path} is of step {found.get('step')}, the checkpoint of step {step}: "
            f"left out. Run {command} again."
        )
        return None
    return found


def _licence(source: str) -> str:
    """One line on the terms of a source."""
    facts = registry.facts(registry.split_reference(source)[0])
    if facts.role == "synthetic":
        return f"{source}: rendered by this code, free of people."
    if facts.role == "own":
        return f"{source}: yours; what the people in it agreed to holds here too."
    return (
        f"{facts.title}: its authors' terms, {facts.homepage}. {facts.remark}".strip()
    )


def _checkpoint_sha256(directory: workdir.WorkDir, step: int) -> str:
    """Hash of the checkpoint's files: what a gallery knows its model by.

    Raises:
        errors.UserError: the trainer has removed them since they were restored.
    """
    digest = hashlib.sha256()
    if step not in checkpoints.whole_steps(directory.checkpoints):
        raise errors.UserError(
            f"{directory.checkpoints}: ckpt-{step} was restored and is gone: the run "
            "is still training and keeps only its newest checkpoints. Export again, "
            "after the training or with a larger --keep_checkpoints."
        )
    for path in checkpoints.files_of(directory.checkpoints, step):
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    launch.launch(define, main)
