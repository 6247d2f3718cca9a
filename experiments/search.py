"""Searches a gallery for the person on an image.

    python -m experiments.search --model=EXPORT --gallery=GALLERY --probe=IMAGE

A score says how alike two crops are; it is a proposal, to be looked at. The likeness is
the score over its scale and the length of the probe's feature: it ranks alike, and is
what thresholds (--false_accepts) are of. With classifiers of unit length, the default,
it is a cosine.
"""

import dataclasses
import pathlib

import numpy as np
from absl import flags

from dimn_tf import errors, images, standard_json
from dimn_tf.evaluation import measures
from dimn_tf.gallery import explanation, places, search_picture
from experiments import launch, model_flags, path_flags

FLAGS = flags.FLAGS

_PICTURED = 50


def define() -> None:
    """Defines the command's flags."""
    model_flags.define()
    path_flags.define_path("gallery", None, places.SENTENCE, required=True)
    path_flags.define_path("probe", None, "Image of a person.", required=True)
    flags.DEFINE_integer("topk", 10, "Entries shown.", 1)
    flags.DEFINE_bool(
        "one_per_person", False, "Of several entries of a person, only the best."
    )
    flags.DEFINE_integer(
        "false_accepts",
        None,
        "Marks each entry as above or below the model's threshold at one false accept "
        "in so many pairs of two people: 100, 1000 or 10000.",
    )
    flags.DEFINE_bool("json", False, "Prints JSON instead of a table.")
    path_flags.define_path(
        "picture", None, "PNG file for a picture of the probe and its matches."
    )
    flags.DEFINE_bool(
        "explain",
        False,
        "Maps of what in probe and match speaks for each entry rather than the others "
        "(--explain_against), in the picture or the JSON. A map adds up to the margin, "
        "the score less the others' mean score, with the lengths that vectors are "
        "divided by held constant.",
    )
    flags.DEFINE_integer(
        "explain_against",
        explanation.AGAINST,
        "With --explain: how many of the best entries (with --one_per_person: persons) "
        "a match is compared with, itself among them; all, where the gallery holds "
        "fewer. A match behind them is compared with these and itself. 0: none; the "
        "maps then add up to the score.",
        0,
    )


def main(_):
    if FLAGS.explain and not (FLAGS.picture or FLAGS.json):
        raise errors.UserError("--explain needs --picture=FILE.png or --json")
    if FLAGS["explain_against"].present and not FLAGS.explain:
        raise errors.UserError(
            f"--explain_against={FLAGS.explain_against}: it needs --explain"
        )
    if FLAGS.picture and not FLAGS.picture.lower().endswith(".png"):
        raise errors.UserError(f"--picture={FLAGS.picture}: expected a name in .png")
    if FLAGS.picture and FLAGS.topk > _PICTURED:
        raise errors.UserError(
            f"--topk={FLAGS.topk}: a picture holds {_PICTURED} matches at most"
        )
    encoded = _probe()
    model = model_flags.load()
    scale = model.inner_product_scale
    threshold = None
    if FLAGS.false_accepts is not None:
        threshold = model.threshold(FLAGS.false_accepts)
    answer = model.probe_features([encoded])
    if fault := answer.unusable()[0]:
        raise errors.UserError(
            f"--probe={FLAGS.probe}: {fault}. Take another image, or look after the "
            "model"
        )
    features = answer.vectors
    against = FLAGS.explain_against if FLAGS.explain else 0
    wide = max(FLAGS.topk, against)
    others = None
    with places.open_gallery(FLAGS.gallery, model.sha256) as gallery:
        hits = gallery.search(features, wide, FLAGS.one_per_person)[0]
        if against:
            others = explanation.others_of(gallery, hits, FLAGS.topk, against)
    hits = [
        dataclasses.replace(hit, score=scale * hit.score) for hit in hits[: FLAGS.topk]
    ]
    unit = scale * float(np.linalg.norm(features))
    found = [explanation.Found(hit, hit.score / unit) for hit in hits]
    if FLAGS.picture or FLAGS.explain:
        found = explanation.with_images(found)
    if FLAGS.explain:
        found = explanation.explained(model, encoded, found, others)
    if FLAGS.picture:
        search_picture.paint(
            encoded,
            found,
            FLAGS.picture,
            f"{FLAGS.probe} in {FLAGS.gallery}",
            threshold,
            _threshold_name(),
            FLAGS.explain,
            None if others is None else others.count,
        )
    if FLAGS.json:
        _print_json(found, threshold, others, model.runtime)
    else:
        _print_table(found, threshold)
        print(f"({model_flags.told(model)})")
        if FLAGS.picture:
            print(f"Picture: {FLAGS.picture}")


def _probe() -> bytes:
    path = pathlib.Path(FLAGS.probe)
    try:
        return images.read_file(path, compression=images.READ_AT_ONCE)
    except images.ImageFault as fault:
        raise errors.UserError(
            f"--probe={path}: {fault.reason}; expected {fault.expected}"
        ) from fault


def _threshold_name() -> str:
    return f"1 false accept in {FLAGS.false_accepts or 0:,}"


def _print_json(found, threshold, others, runtime: str) -> None:
    rows = []
    for rank, row in enumerate(found, start=1):
        hit = row.hit
        rows.append(
            {
                "rank": rank,
                "entry_id": hit.entry_id,
                "person_id": hit.person_id,
                "score": hit.score,
                "likeness": row.likeness,
                **(
                    {}
                    if threshold is None
                    else {"above": measures.reaches(row.likeness, threshold)}
                ),
                "metadata": dict(hit.metadata),
            }
        )
        if FLAGS.explain:
            rows[-1]["explanation"] = {
                **_margin(row, rank, others),
                "probe_map": _as_lists(row.probe_map),
                "gallery_map": _as_lists(row.gallery_map),
                **({"missing": row.missing} if row.missing else {}),
            }
    told = {
        "probe": FLAGS.probe,
        "threshold": threshold,
        "runtime": runtime,
        "hits": rows,
    }
    print(standard_json.text(told), end="")


def _margin(row, rank, others) -> dict:
    if others is None:
        return {}
    return {"margin": row.margin, "against": others.count_of(rank - 1)}


def _as_lists(shares):
    return None if shares is None else shares.tolist()


def _print_table(found, threshold) -> None:
    if threshold is not None:
        print(f"Likeness threshold at {_threshold_name()}: {threshold:.4f}")
    width = max([len("person"), *(len(row.hit.person_id or "-") for row in found)])
    head = "" if threshold is None else " " * 7
    print(
        f"{'rank':>4}  {'score':>9}  {'likeness':>8}  {head}{'person':<{width}}  entry"
    )
    for rank, row in enumerate(found, start=1):
        hit, mark = row.hit, ""
        if threshold is not None:
            above = measures.reaches(row.likeness, threshold)
            mark = "above  " if above else "below  "
        print(
            f"{rank:>4}  {hit.score:9.4f}  {row.likeness:8.4f}  {mark}"
            f"{hit.person_id or '-':<{width}}  {hit.entry_id}"
        )


if __name__ == "__main__":
    launch.launch(define, main)
