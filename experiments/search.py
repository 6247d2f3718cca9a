"""Searches a gallery for the person on an image.

    python -m experiments.search --model=EXPORT --gallery=GALLERY --probe=IMAGE

A score says how alike two crops are; it is a proposal, to be looked at.
"""

import dataclasses
import json
import pathlib

from absl import flags

from dimn_tf import errors
from dimn_tf.export import served_model
from dimn_tf.gallery import image_sources, places
from experiments import launch

_MODEL = flags.DEFINE_string("model", None, "Export, or one version.", required=True)
_GALLERY = flags.DEFINE_string(
    "gallery", None, places.HELP.capitalize() + ".", required=True
)
_PROBE = flags.DEFINE_string("probe", None, "Image of a person.", required=True)
_TOPK = flags.DEFINE_integer("topk", 10, "Entries shown.", 1)
_PERSONS = flags.DEFINE_bool(
    "one_per_person", False, "Of several entries of a person, only the best."
)
_FALSE_ACCEPTS = flags.DEFINE_integer(
    "false_accepts",
    None,
    "Marks each entry as above or below the model's threshold at one false accept in "
    "so many pairs of two people: 100, 1000 or 10000.",
)
_JSON = flags.DEFINE_bool("json", False, "Prints JSON instead of a table.")


def main(_):
    model = served_model.ServedModel(_MODEL.value)
    scale = model.inner_product_scale
    threshold = None
    if _FALSE_ACCEPTS.value is not None:
        threshold = model.threshold(_FALSE_ACCEPTS.value)
    path = pathlib.Path(_PROBE.value)
    try:
        encoded = image_sources.read(image_sources.ImageSource(path, str(path)))
    except errors.UserError:
        raise
    except ValueError as error:
        raise errors.UserError(
            f"--probe={path}: {error}; a whole JPEG, PNG or BMP image is expected"
        ) from error
    with places.open_gallery(_GALLERY.value, model.sha256) as gallery:
        hits = gallery.search(
            model.probe_features([encoded]), _TOPK.value, _PERSONS.value
        )[0]
    hits = [dataclasses.replace(hit, score=scale * hit.score) for hit in hits]
    if _JSON.value:
        rows = [
            {
                "rank": rank,
                "entry_id": hit.entry_id,
                "person_id": hit.person_id,
                "score": hit.score,
                **({} if threshold is None else {"above": hit.score >= threshold}),
                "metadata": dict(hit.metadata),
            }
            for rank, hit in enumerate(hits, start=1)
        ]
        found = {"probe": str(path), "threshold": threshold, "hits": rows}
        print(json.dumps(found, indent=2))
        return
    if threshold is not None:
        print(
            f"Threshold at 1 false accept in {_FALSE_ACCEPTS.value:,}: {threshold:.4f}"
        )
    width = max([len("person"), *(len(hit.person_id or "-") for hit in hits)])
    head = "" if threshold is None else " " * 7
    print(f"{'rank':>4}  {'score':>9}  {head}{'person':<{width}}  entry")
    for rank, hit in enumerate(hits, start=1):
        person = hit.person_id or "-"
        mark = ""
        if threshold is not None:
            mark = "above  " if hit.score >= threshold else "below  "
        print(f"{rank:>4}  {hit.score:9.4f}  {mark}{person:<{width}}  {hit.entry_id}")


if __name__ == "__main__":
    launch.launch(main)
