"""Rows of a comparison, made up: two targets, one trial each, APs chosen by hand."""

import csv
import pathlib

import numpy as np

from dimn_tf import standard_json
from dimn_tf.comparison import place, rows
from dimn_tf.evaluation import results_files
from dimn_tf.training import workdir

COST = {
    "minutes": 30.4,
    "processes": 1,
    "processes_untimed": 0,
    "peak_memory_gib": 2.25,
    "seconds_a_step": 0.416,
    "images_seen": 256_000,
    "encoder_passes": 7 / 3,
    "training_images": 24_997,
}
FLAGS = {
    "sources": ["cuhk02", "cuhk03"],
    "holdout_identities": 0,
    "encoder": "mobilenet_v2",
    "encoder_weights": "some sha256:12",
}


def figures(aps: dict[str, list[float]], flags: dict) -> dict:
    """Results in which target T has rank-1 10, rank-5 20, rank-10 30 and these APs."""
    targets = {
        target: {
            **{f"rank{k}": _value(10.0 + 2 * (k - 1)) for k in (1, 5, 10)},
            "mAP": _value(100 * float(np.mean(values)), 1.25),
            "trials_sha256": f"of {target}",
            "diagnosis": {
                "cosine": {"mAP": _value(100 * float(np.mean(values)) + 1)},
                "euclidean": {"mAP": _value(100 * float(np.mean(values)) - 2)},
            },
        }
        for target, values in aps.items()
    }
    means = [row["mAP"]["mean"] for row in targets.values()]
    mean = float(np.mean(means))
    return {
        "method": "made up",
        "step": 4000,
        "targets": targets,
        "mean": {"rank1": 10.0, "rank5": 18.0, "rank10": 28.0, "mAP": mean},
        "diagnosis_mean": {
            "cosine": {"mAP": mean + 1},
            "euclidean": {"mAP": mean - 2},
        },
        "flags": flags,
        "probes_file": "results_probes.csv",
    }


def run(
    folder: pathlib.Path,
    aps: dict[str, list[float]],
    sources_sha256: str = "of the sources",
    **flags,
) -> workdir.WorkDir:
    """A finished run's work directory, as far as a comparison reads it."""
    found = workdir.WorkDir(folder)
    folder.mkdir(parents=True)
    found.config.write_text(standard_json.text({"sources_sha256": sources_sha256}))
    found.results.write_text(standard_json.text(figures(aps, {**FLAGS, **flags})))
    with open(
        results_files.probes_path(found.results),
        "w",
        newline="",
        encoding="utf-8",
        errors="surrogateescape",
    ) as file:
        writer = csv.writer(file)
        writer.writerow(results_files.PROBE_COLUMNS)
        for target, values in aps.items():
            for person, ap in enumerate(values):
                writer.writerow([target, "trial1", f"{person}.png", person, ap, 1])
    found.training_log.write_text("step,images_per_second,loss\n50,150,3.5\n")
    return found


def row(folder: pathlib.Path, name: str, seed: int, aps, **flags) -> place.Place:
    """A row that is kept in a comparison's folder."""
    kept = place.Place(folder, name, seed)
    own = {**rows.ROWS[name].options, "seed": seed}
    made = run(folder.parent / f"run_{name}_{seed}", aps, **{**own, **flags})
    kept.keep(made, COST)
    return kept


def _value(mean: float, std: float = 0.0) -> dict[str, float]:
    return {"mean": mean, "std": std}
