"""Searches a gallery for the person on an image.

    python -m experiments.search --model=EXPORT --gallery=GALLERY --probe=IMAGE

A score says how alike two crops are; it is a proposal, to be looked at.
"""

import json
import pathlib

from absl import flags

from dimn_tf import errors
from dimn_tf.export import served_model
from dimn_tf.gallery import gallery as gallery_lib
from dimn_tf.gallery import image_sources
from experiments import launch

_MODEL = flags.DEFINE_string("model", None, "Export, or one version.", required=True)
_GALLERY = flags.DEFINE_string("gallery", None, "Folder.", required=True)
_PROBE = flags.DEFINE_string("probe", None, "Image of a person.", required=True)
_TOPK = flags.DEFINE_integer("topk", 10, "Entries shown.", 1)
_PERSONS = flags.DEFINE_bool(
    "one_per_person", False, "Of several entries of a person, only the best."
)
_JSON = flags.DEFINE_bool("json", False, "Prints JSON instead of a table.")


def main(_):
    model = served_model.ServedModel(_MODEL.value)
    path = pathlib.Path(_PROBE.value)
    try:
        encoded = image_sources.read(image_sources.ImageSource(path, str(path)))
    except errors.UserError:
        raise
    except ValueError as error:
        raise errors.UserError(
            f"--probe={path}: {error}; a whole JPEG, PNG or BMP image is expected"
        ) from error
    with gallery_lib.Gallery(_GALLERY.value, model.sha256) as gallery:
        hits = gallery.search(
            model.probe_features([encoded]), _TOPK.value, _PERSONS.value
        )[0]
    if _JSON.value:
        rows = [
            {
                "rank": rank,
                "entry_id": hit.entry_id,
                "person_id": hit.person_id,
                "score": hit.score,
                "metadata": dict(hit.metadata),
            }
            for rank, hit in enumerate(hits, start=1)
        ]
        print(json.dumps({"probe": str(path), "hits": rows}, indent=2))
        return
    width = max([len("person"), *(len(hit.person_id or "-") for hit in hits)])
    print(f"{'rank':>4}  {'score':>9}  {'person':<{width}}  entry")
    for rank, hit in enumerate(hits, start=1):
        person = hit.person_id or "-"
        print(f"{rank:>4}  {hit.score:9.4f}  {person:<{width}}  {hit.entry_id}")


if __name__ == "__main__":
    launch.launch(main)
