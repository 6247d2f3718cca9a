"""Enrols images of people into a gallery.

    python -m experiments.enroll --model=EXPORT --gallery=GALLERY IMAGES...

IMAGES are files, folders (all image files below them) and CSV lists (path,person_id
[,camera_id][,split]). Run again, it adds only what is new. What cannot be read is
skipped and listed.
"""

from absl import flags

from dimn_tf import errors
from dimn_tf.export import served_model
from dimn_tf.gallery import enrolment, image_sources, places
from experiments import launch

_MODEL = flags.DEFINE_string("model", None, "Export, or one version.", required=True)
_GALLERY = flags.DEFINE_string(
    "gallery", None, f"Made if it is missing: {places.HELP}.", required=True
)
_PERSONS = flags.DEFINE_bool(
    "person_folders", False, "Whether a folder holds one folder a person."
)
_CAMERA = flags.DEFINE_string(
    "camera_pattern",
    "",
    r"Finds the camera in a file's name, such as ^(\d+)_; with --person_folders.",
)
_ONLY_CAMERA = flags.DEFINE_string(
    "only_camera", None, "Enrols the images of this camera alone."
)
_INDEX = flags.DEFINE_enum(
    "index", "exact", places.KINDS, "How a new gallery is searched."
)
_BATCH = flags.DEFINE_integer("batch_size", 32, "Images at a time.", 1)


def main(argv):
    if len(argv) < 2:
        raise errors.UserError("no images: name files, folders or CSV lists")
    model = served_model.ServedModel(_MODEL.value)
    _ = model.inner_product_scale  # Refuses a model that no gallery can search for.
    sources = [
        source
        for source in image_sources.expand(argv[1:], _PERSONS.value, _CAMERA.value)
        if _ONLY_CAMERA.value in (None, source.camera_id)
    ]
    if not sources:
        raise errors.UserError(f"{', '.join(argv[1:])}: no image file found there")
    with places.create(
        _GALLERY.value, model.sha256, model.dimension, _INDEX.value
    ) as gallery:
        report = enrolment.enrol(model, gallery, sources, _BATCH.value)
        for name, reason in report.skipped:
            print(f"skipped {name}: {reason}")
        print(
            f"{report.added:,} enrolled, {report.there:,} there already, "
            f"{len(report.skipped):,} skipped; the gallery holds {len(gallery):,}."
        )


if __name__ == "__main__":
    launch.launch(main, arguments=True)
