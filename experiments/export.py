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
from dimn_tf.evaluation import results
from dimn_tf.export import exporter, formats, model_card
from dimn_tf.training import run, workdir
from experiments import flags, launch

_WORKDIR = absl_flags.DEFINE_string(
    "workdir", None, "Folder of the run.", required=True
)
_EXPORT_DIR = absl_flags.DEFINE_string(
    "export_dir", None, "Folder of versions; the next number is taken.", required=True
)
_FORMATS = absl_flags.DEFINE_list(
    "formats",
    ["saved_model"],
    f"Some of {', '.join(formats.FORMATS)}. The last two take pixels at the model's "
    "input size and need the extras of their names (setup.py).",
)
_CHUNK = 1 << 20


def main(_):
    directory = workdir.WorkDir(pathlib.Path(_WORKDIR.value))
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
        "results": _read(directory.results),
        "thresholds": _calibration(directory, step),
        "licences": [_licence(name) for name in values["sources"]],
        "versions": results.versions(),
    }
    folder = exporter.export(
        method,
        _EXPORT_DIR.value,
        options.data.image_height,
        options.data.image_width,
        metadata,
        model_card.model_card,
        _FORMATS.value,
    )
    print(f"Exported: {folder}")


def _calibration(directory: workdir.WorkDir, step: int):
    """The run's calibration; none where it is of another checkpoint."""
    found = _read(directory.calibration)
    if found and found["step"] != step:
        print(
            f"{directory.calibration} is of step {found['step']:,}, the checkpoint of "
            f"step {step:,}: left out. Run experiments.calibrate again."
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


def _read(path: pathlib.Path):
    return json.loads(path.read_text()) if path.is_file() else None


def _checkpoint_sha256(directory: workdir.WorkDir, step: int) -> str:
    """Hash of the checkpoint's files: what a gallery knows its model by."""
    digest = hashlib.sha256()
    for path in sorted(directory.checkpoints.glob(f"ckpt-{step}.*")):
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    launch.launch(main)
