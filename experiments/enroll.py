"""Enrols images of people into a gallery.

    python -m experiments.enroll --model=EXPORT --gallery=GALLERY IMAGES...

IMAGES are files, folders (all image files below them) and CSV lists (path,person_id
[,camera_id][,split]). Run again, it adds only what is new. What cannot be read is
skipped and listed. With --remove, the images' entries are taken out of the gallery
instead, whether the files are there any more or not.
"""

import json

from absl import flags

from dimn_tf import errors
from dimn_tf.export import served_model
from dimn_tf.gallery import enrolment, places
from experiments import images, launch

FLAGS = flags.FLAGS


def main(argv):
    if FLAGS.remove:
        _remove(argv)
        return
    model = served_model.ServedModel(FLAGS.model)
    _ = model.inner_product_scale  # Refuses a model that no gallery can search for.
    sources = images.given(argv)
    with places.create(
        FLAGS.gallery, model.sha256, model.dimension, FLAGS.index
    ) as gallery:
        report = enrolment.enrol(model, gallery, sources, FLAGS.batch_size)
        held = len(gallery)
    if FLAGS.json:
        skipped = [
            {"entry_id": name, "reason": reason} for name, reason in report.skipped
        ]
        figures = {"enrolled": report.added, "there": report.there, "gallery": held}
        print(json.dumps({**figures, "skipped": skipped}, indent=2))
        return
    for name, reason in report.skipped:
        print(f"skipped {name}: {reason}")
    print(
        f"{report.added:,} enrolled, {report.there:,} there already, "
        f"{len(report.skipped):,} skipped; the gallery holds {held:,}."
    )


def _remove(argv) -> None:
    if len(argv) < 2:
        raise errors.UserError("--remove: name the entries (as `search` shows them)")
    model = served_model.ServedModel(FLAGS.model)
    with places.open_gallery(FLAGS.gallery, model.sha256) as gallery:
        gallery.remove(argv[1:])
        print(f"{len(argv) - 1:,} removed; the gallery holds {len(gallery):,}.")


if __name__ == "__main__":
    flags.DEFINE_string("model", None, "Export, or one version.", required=True)
    flags.DEFINE_string(
        "gallery", None, f"Made if it is missing: {places.HELP}.", required=True
    )
    images.define()
    flags.DEFINE_enum("index", "exact", places.KINDS, "How a new gallery is searched.")
    flags.DEFINE_integer("batch_size", 32, "Images at a time.", 1)
    flags.DEFINE_bool("remove", False, "Removes entries by their ids instead.")
    flags.DEFINE_bool("json", False, "Prints JSON instead of lines.")
    launch.launch(main, arguments=True)
