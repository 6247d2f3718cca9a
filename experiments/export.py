r"""Exports a trained run for serving, each format checked against the live model.

    python -m experiments.export --workdir=runs/dg --export_dir=exports/dg \
        --formats=saved_model,onnx,litert

Writes EXPORT_DIR/VERSION/: a SavedModel in TensorFlow Serving's layout, model.onnx,
model.tflite and a multi-object tracker's model, named after encoder and method, where
asked for, metadata.json and model_card.md.
"""

import pathlib

from absl import flags as absl_flags

from data_builders import registry
from dimn_tf import errors, standard_json
from dimn_tf.evaluation import results
from dimn_tf.export import exporter, formats, identity, model_card, tracker_onnx
from dimn_tf.training import build, trained_before, workdir
from dimn_tf.training import recipe as recipes
from experiments import devices, launch, path_flags

FLAGS = absl_flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    path_flags.define_path("workdir", None, "Folder of the run.", required=True)
    path_flags.define_path(
        "export_dir",
        None,
        "Folder of versions; the next number is taken.",
        required=True,
    )
    absl_flags.DEFINE_list(
        "formats",
        ["saved_model"],
        f"Some of {', '.join(formats.FORMATS)}. onnx and litert take pixels at the "
        "model's input size, tracker_onnx what multi-object trackers give; they need "
        "the extras onnx and litert (setup.py).",
    )


def main(_):
    devices.prepare()
    directory = workdir.WorkDir(pathlib.Path(FLAGS.workdir))
    recipe, values = recipes.of_run(directory), workdir.read_values(directory)
    before = identity.seen(directory.checkpoints)
    method, step = build.restored(recipe, directory)
    checkpoint = identity.checkpoint_sha256(directory.checkpoints, step, before)
    earlier = trained_before.of_run(directory)
    metadata = {
        "method": recipe.method,
        "step": step,
        "num_identities": workdir.read(directory).get("num_identities"),
        "checkpoint": f"ckpt-{step}",
        "checkpoint_sha256": checkpoint,
        "flags": values,
        "results": _of_mirror(
            _of_step(directory.results, step, "experiments.evaluate"),
            directory.results,
            recipe.encoder.mirror,
        ),
        "thresholds": _of_checkpoint(
            _of_step(directory.calibration, step, "experiments.calibrate"),
            directory.calibration,
            checkpoint,
        ),
        "trained_before": [run.sources for run in earlier],
        "source_roles": _roles(values, earlier),
        "licences": [_licence(name) for name in _all_sources(values, earlier)],
        "versions": results.versions(),
    }
    folder = exporter.export(
        method,
        FLAGS.export_dir,
        recipe.data.image_height,
        recipe.data.image_width,
        metadata,
        _card,
        FLAGS.formats,
        network_name=tracker_onnx.network_name(
            recipe.encoder.encoder, recipe.encoder.encoder_width
        ),
        method_name=recipe.method,
    )
    print(f"Exported: {folder}")


def _card(metadata):
    """See `model_card.model_card`.

    Raises:
        errors.UserError: the results or thresholds are not as they were written.
    """
    try:
        return model_card.model_card(metadata)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        directory = workdir.WorkDir(pathlib.Path(FLAGS.workdir))
        raise errors.UserError(
            f"{directory.results} or {directory.calibration} is not as it was written "
            f"({type(error).__name__}: {error}). Run experiments.evaluate (and "
            "experiments.calibrate) again"
        ) from error


def _of_step(path: pathlib.Path, step: int, command: str):
    """What a file of the run holds; None where it is of another checkpoint."""
    try:
        found = standard_json.read_object(path) if path.is_file() else None
    except ValueError as error:
        raise errors.UserError(
            f"{path}: cannot be read as JSON ({error}). Run {command} again"
        ) from error
    if found is not None and (of_step := found.get("step")) != step:
        print(
            f"{path} is of step {of_step}, the checkpoint of step {step}: left out. "
            f"Run {command} again."
        )
        return None
    return found


def _of_mirror(found, path: pathlib.Path, mirror: bool):
    """Results; None where mirror images were matched too and the export's are not."""
    if found is None or found.get("flags", {}).get("mirror", False) == mirror:
        return found
    print(
        f"{path} is of another --mirror than the run's ({mirror}): left out. Move it "
        "away and run experiments.evaluate again."
    )
    return None


def _of_checkpoint(found, path: pathlib.Path, checkpoint: str):
    """Thresholds; None where another model of that step was calibrated.

    An older version's tell nothing of it.
    """
    if found is None or found.get("checkpoint_sha256", checkpoint) == checkpoint:
        return found
    print(
        f"{path} is of another model of that step, which was trained anew since: left "
        "out. Run experiments.calibrate again."
    )
    return None


def _all_sources(values, before) -> list[str]:
    """Of the run and of those that it started from, each once."""
    found = [*values["sources"], *(x for run in before for x in run.sources or ())]
    return list(dict.fromkeys(found))


def _roles(values, before) -> list[str]:
    """What kinds of data the weights come from; see `model_card`."""
    found = {_facts(name).role for name in _all_sources(values, before)}
    if any(run.sources is None for run in before):
        found.add(model_card.UNKNOWN)
    return sorted(found)


def _facts(source: str):
    return registry.facts(registry.split_reference(source)[0])


def _licence(source: str) -> str:
    """One line on the terms of a source."""
    facts = _facts(source)
    if facts.role == "synthetic":
        return f"{source}: rendered by this code, free of people."
    if facts.role == model_card.OWN:
        return f"{source}: yours; what the people in it agreed to holds here too."
    return (
        f"{facts.title}: its authors' terms, {facts.homepage}. {facts.remark}".strip()
    )


if __name__ == "__main__":
    launch.launch(define, main)
