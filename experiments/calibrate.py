"""Gives scores a meaning: thresholds from identities that training held out.

    python -m experiments.calibrate --workdir=W

A score that is linear in the probe, as DIMN's, is divided by the length of the probe's
feature first ("likeness"): that ranks alike, and one threshold is fair to all probes.
Prints both distributions' figures and the thresholds at false-accept rates of 1 in
100, 1,000 and 10,000; writes W/calibration.json and W/calibration.png. An export made
afterwards carries them.
"""

import pathlib

import numpy as np
from absl import flags as absl_flags

from dimn_tf import errors, files, standard_json
from dimn_tf.data import holdout
from dimn_tf.evaluation import (
    calibration,
    calibration_plot,
    evaluator,
    measures,
    options,
)
from dimn_tf.evaluation.protocols import protocol
from dimn_tf.export import identity
from dimn_tf.training import build, recorded_sources, workdir
from dimn_tf.training import recipe as recipes
from experiments import devices, launch, path_flags, prepare

FLAGS = absl_flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    path_flags.define_path("workdir", None, "Folder of the run.", required=True)
    absl_flags.DEFINE_integer("seed", 0, "Of the pairs and the intervals.", 0)


def main(_):
    devices.prepare()
    directory = workdir.WorkDir(pathlib.Path(FLAGS.workdir))
    recipe = recipes.of_run(directory)
    persons = {k: v for k, v in holdout.load(directory.holdout).items() if v}
    if not persons:
        raise errors.UserError(
            f"{directory.root}: training held no identity out, so nothing is left to "
            "calibrate on. Train with --holdout_identities=N (100 of each source give "
            "thresholds at 1 in 1,000 and more)"
        )
    places = prepare.recall_places(directory)
    if not places:
        raise errors.UserError(
            f"{directory.places}: missing; it says where the held-out people's images "
            "are. Run the training command again (a finished run is not trained anew)"
        )
    prepare.data_sets(list(persons), places["data_dir"], places["manual_dir"])
    # Own data that has changed since has other people under the numbers held out.
    space = recorded_sources.of_run(directory, places["data_dir"])
    before = identity.seen(directory.checkpoints)
    method, step = build.restored(recipe, directory)
    checkpoint = identity.checkpoint_sha256(directory.checkpoints, step, before)
    # Where the score is linear in the probe, each probe is judged alike.
    measure = method.score_name
    if method.inner_product_scale is not None:
        measure = measures.LIKENESS
    parts, first = [], 0
    for domain in space.domains:
        if not (ids := domain.holdout):
            continue
        part = _pairs(method, recipe, domain.records, ids)
        parts.append(
            calibration.Pairs(part.scores, part.probes + first, part.gallery + first)
        )
        first += max(ids) + 1
    pairs = calibration.Pairs.joined(parts)
    rows = calibration.thresholds(pairs, FLAGS.seed)
    figures = {
        "step": step,
        "checkpoint_sha256": checkpoint,
        "seed": FLAGS.seed,
        "method": recipe.method,
        "measure": measure,
        "identities": {source: len(ids) for source, ids in persons.items()},
        "genuine_pairs": int(pairs.genuine.sum()),
        "impostor_pairs": int((~pairs.genuine).sum()),
        "thresholds": rows,
    }
    picture = directory.calibration.with_suffix(".png")
    title = f"{recipe.method}, held-out people"
    with (
        files.replacing(picture) as plotted,
        files.replacing(directory.calibration) as partial,
    ):
        calibration_plot.plot(pairs, rows, plotted, title, measure)
        partial.write_text(standard_json.text(figures))
        # Once both are whole: a full disk leaves what is there where it is.
        aside = _put_aside(directory, step, FLAGS.seed, checkpoint)
    _print(pairs, rows, measure)
    if aside:
        print(f"The calibration that was there, of another model or seed: {aside}")
    print(f"Calibration: {directory.calibration}, {picture}")


def _put_aside(directory: workdir.WorkDir, step: int, seed: int, checkpoint: str):
    """Gives a calibration of another model or seed a name of its own: which, or None.

    Of an older version's only the step tells the model.

    Raises:
        errors.UserError: what is there is no calibration.
    """
    path = directory.calibration
    if not path.is_file():
        return None
    try:
        found = standard_json.read_object(path)
        held = int(found["step"]), int(found.get("seed", 0))
        of = str(found.get("checkpoint_sha256", checkpoint))
    except (ValueError, KeyError, TypeError) as error:
        raise errors.UserError(
            f"{path}: it is no calibration ({error!r}). Move it away, then calibrate "
            "again"
        ) from error
    if (*held, of) == (step, seed, checkpoint):
        return None
    name = f"calibration_{held[0]:07d}_seed{held[1]}"
    if "checkpoint_sha256" in found:
        name += f"_{of[:8]}"
    stem = directory.root / "evaluations" / name
    stem.parent.mkdir(exist_ok=True)
    for suffix in (".png", ".json"):
        if path.with_suffix(suffix).is_file():
            path.with_suffix(suffix).replace(stem.with_name(stem.name + suffix))
    return stem.with_name(stem.name + ".json")


def _pairs(method, recipe, opened, ids) -> calibration.Pairs:
    asked = protocol.Asked.of(opened, options.EvaluationOptions(), person_ids=ids)
    indices = np.flatnonzero(asked.taking_part)
    features = evaluator.encode_images(
        method,
        opened,
        opened.reference,
        indices,
        recipe.data.image_height,
        recipe.data.image_width,
    )
    scoring = evaluator.scorings(method, features.values)[evaluator.METHOD]
    scale = method.inner_product_scale
    if scale is not None:
        scoring = calibration.likeness(scoring, scale)
    persons, cameras = opened.person_ids[indices], opened.camera_ids[indices]
    return calibration.score_pairs(scoring, persons, cameras, FLAGS.seed)


def _print(pairs, rows, measure) -> None:
    print(f"Measured by {measure}.")
    for name, scores in (
        ("one person", pairs.scores[pairs.genuine]),
        ("two people", pairs.scores[~pairs.genuine]),
    ):
        low, middle, high = np.percentile(scores, (5, 50, 95))
        print(
            f"{name}: {len(scores):,} pairs, median {middle:.4f}, "
            f"5 to 95 %: {low:.4f} to {high:.4f}"
        )
    print(f"{'false accepts':<14}  {'threshold':>9}  {'95 % interval':>20}  accepted")
    for row in rows:
        name = f"1 in {row['one_in']:,}"
        if "refused" in row:
            print(f"{name:<14}  not told: {row['refused']}")
            continue
        interval = "not told"
        if row["interval"] is not None:
            interval = "{:.4f} {:10.4f}".format(*row["interval"])
        share = f"{100 * row['true_accept_rate']:.1f} % of one person's pairs"
        print(f"{name:<14}  {row['score']:9.4f}  {interval:>20}  {share}")
    for reason in {r["interval_refused"] for r in rows if "interval_refused" in r}:
        print(f"No interval is told: {reason}")


if __name__ == "__main__":
    launch.launch(define, main)
