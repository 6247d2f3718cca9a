r"""Judges the search of a gallery by probes whose person is known: CMC and mAP.

    python -m experiments.evaluate_gallery --model=EXPORT --gallery=GALLERY \
        --person_folders --camera_pattern='^(\d+)_' --only_camera=1 PROBES...

PROBES are named as for `experiments.enroll`; both need the persons (--person_folders or
CSV lists). Each probe is searched for in the whole gallery; the entry of its own file
is passed over, and with --camera_rule=cross_camera its person's entries from its own
camera are too. On the same images, of one camera searched for among those of another,
the figures are those of `experiments.evaluate`.
"""

import sys

import numpy as np
from absl import flags

from dimn_tf import errors, standard_json
from dimn_tf.evaluation import ranking
from dimn_tf.evaluation.protocols import trial
from dimn_tf.gallery import embedding, image_sources, judging, places
from experiments import command_line, image_flags, launch, model_flags, path_flags

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    model_flags.define()
    path_flags.define_path("gallery", None, places.SENTENCE, required=True)
    image_flags.define()
    flags.DEFINE_enum(
        "unmatched_probes",
        "refuse",
        ranking.UNMATCHED_PROBES,
        "What happens to probes whose person is not enrolled.",
    )
    flags.DEFINE_enum(
        "camera_rule",
        trial.NO_RULE,
        trial.CAMERA_RULES,
        "Whether a probe's matches from its own camera are passed over (cross_camera, "
        "the Market-1501 rule); ours: none are, and it is told how many have one.",
    )
    flags.DEFINE_list(
        "false_accepts",
        [],
        "Thresholds of the model, by false accepts (100,1000,10000), whose rates on "
        "these images are told.",
    )
    flags.DEFINE_integer("batch_size", 32, "Images at a time.", 1)
    flags.DEFINE_bool("json", False, "Prints JSON instead of a table.")


def main(argv):
    rates = command_line.whole_numbers("false_accepts")
    skipped = []
    given = image_flags.given(argv, skipped)
    sources = list(image_sources.agreed(given, skipped).values())
    unknown = [s.entry_id for s in sources if s.person_id is None]
    if unknown:
        raise errors.UserError(
            f"{len(unknown)} of {len(sources)} probes are of no known person (the "
            f"first is {unknown[0]}). Use --person_folders, or a CSV with person_id"
        )
    model = model_flags.load()
    _ = model.inner_product_scale  # A model whose score is none is refused here.
    thresholds = [model.threshold(one_in) for one_in in rates]
    persons, cameras, entry_ids, features = [], [], [], []
    with places.open_gallery(FLAGS.gallery, model.sha256) as gallery:
        for batch in embedding.embed(
            model.probe_features, sources, skipped, FLAGS.batch_size, "probes"
        ):
            persons += [row.source.person_id for row in batch]
            cameras += [row.source.camera_id for row in batch]
            entry_ids += [row.source.entry_id for row in batch]
            features += [row.vector for row in batch]
        for line in image_flags.skipped_lines(skipped):
            print(line, file=sys.stderr)
        if not features:
            raise errors.UserError("no probe is left to search for")
        if FLAGS.camera_rule == trial.CROSS_CAMERA and None in cameras:
            raise errors.UserError(
                f"--camera_rule={FLAGS.camera_rule}: of {cameras.count(None)} of "
                f"{len(cameras)} probes no camera is known. Use --camera_pattern, or a "
                "CSV with camera_id"
            )
        judged = judging.rank_probes(
            gallery,
            np.stack(features),
            persons,
            FLAGS.unmatched_probes,
            thresholds,
            entry_ids,
            cameras,
            FLAGS.camera_rule,
        )
        result = judged.ranking
        figures = {
            "probes": len(persons),
            "gallery": len(gallery),
            "skipped": len(skipped),
            "runtime": model.runtime,
            "own_entries": judged.own_entries,
            "camera_rule": FLAGS.camera_rule,
            "same_camera": judged.same_camera,
            "unmatched_probes": len(result.unmatched),
            **{f"rank{k}": 100 * share for k, share in result.cmc.items()},
            "mAP": 100 * result.mean_average_precision,
            "thresholds": [
                {
                    "one_in": one_in,
                    "likeness": threshold,
                    "false_accepts": None if false is None else 100 * false,
                    "true_accepts": None if true is None else 100 * true,
                }
                for one_in, threshold, false, true in zip(
                    rates,
                    thresholds,
                    judged.false_accepts,
                    judged.true_accepts,
                    strict=True,
                )
            ],
        }
    if FLAGS.json:
        print(standard_json.text(figures), end="")
        return
    print(
        f"{figures['probes']:,} probes against {figures['gallery']:,} entries "
        f"({model_flags.told(model)}):"
    )
    for k in ranking.RANKS:
        print(f"  rank-{k:<3} {figures[f'rank{k}']:8.4f} %")
    print(f"  mAP      {figures['mAP']:8.4f} %")
    if judged.own_entries:
        print(
            f"  {judged.own_entries:,} of the probes are enrolled themselves: their "
            "own entries were passed over"
        )
    if judged.same_camera and FLAGS.camera_rule == trial.NO_RULE:
        print(
            f"  {judged.same_camera:,} of the probes have a match from their own "
            "camera, which benchmarks pass over "
            f"(--camera_rule={trial.CROSS_CAMERA})"
        )
    elif judged.same_camera:
        print(
            f"  {judged.same_camera:,} of the probes have matches from their own "
            "camera, which were passed over"
        )
    if len(result.unmatched):
        print(f"  {len(result.unmatched):,} probes have no match, counted apart")
    for row in figures["thresholds"]:
        print(
            f"  likeness {row['likeness']:.4f} (1 in {row['one_in']:,} on the sources' "
            "people) accepts, here, of pairs of two people "
            f"{_share(row['false_accepts'], 3)}, of one person's "
            f"{_share(row['true_accepts'], 1)}"
        )


def _share(per_cent: float | None, digits: int) -> str:
    return "none is there" if per_cent is None else f"{per_cent:.{digits}f} %"


if __name__ == "__main__":
    launch.launch(define, main, arguments=True)
