"""Enrols images of people into a gallery.

    python -m experiments.enroll --model=EXPORT --gallery=GALLERY IMAGES...

IMAGES are files, folders (all image files below them) and CSV lists (path,person_id
[,camera_id][,split]). Run again, it adds only what is new; images of which the file,
the person or the camera is another than what was enrolled are listed, and with
--replace enrolled anew. What cannot be read is skipped and listed. An entry's id is the
absolute path of its image.

    python -m experiments.enroll --gallery=GALLERY --remove IMAGES...
    python -m experiments.enroll --gallery=GALLERY --remove_person=anna,bo

take entries out again, whether the files are there any more or not (a folder stands for
all entries below it).
"""

from absl import flags

from dimn_tf import errors, standard_json
from dimn_tf.gallery import enrolment, image_sources, places
from experiments import image_flags, launch, model_flags, path_flags

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    model_flags.define(required=False)
    path_flags.define_path(
        "gallery", None, f"Made if it is missing: {places.HELP}.", required=True
    )
    image_flags.define()
    flags.DEFINE_enum("index", "exact", places.KINDS, "How a new gallery is searched.")
    flags.DEFINE_integer("batch_size", 32, "Images at a time.", 1)
    flags.DEFINE_bool(
        "replace",
        False,
        "Enrols anew what is another picture, person or camera than what is there.",
    )
    flags.DEFINE_bool("remove", False, "Removes the images' entries instead.")
    flags.DEFINE_list("remove_person", [], "Removes all entries of these persons.")
    flags.DEFINE_bool("json", False, "Prints JSON instead of lines.")


def main(argv):
    if FLAGS.remove or FLAGS.remove_person:
        if FLAGS.replace:
            raise errors.UserError("--replace and --remove: give one of them")
        _remove(path_flags.expanded_arguments(argv[1:]), FLAGS.remove_person)
        return
    if FLAGS.model is None:
        raise errors.UserError("--model: name the export that the images go through")
    skipped = []
    sources = image_flags.given(argv, skipped)
    model = model_flags.load()
    _ = model.inner_product_scale  # Refuses a model that no gallery can search for.
    with places.create(
        FLAGS.gallery, model.sha256, model.dimension, FLAGS.index
    ) as gallery:
        report = enrolment.enrol(
            model, gallery, sources, FLAGS.batch_size, replace=FLAGS.replace
        )
        held = len(gallery)
    report.skipped[:0] = skipped
    if FLAGS.json:
        figures = {
            "enrolled": report.added,
            "replaced": report.replaced,
            "there": report.there,
            "changed": _rows(report.changed, "change"),
            "gallery": held,
            "runtime": model.runtime,
            "skipped": _rows(report.skipped, "reason"),
        }
        print(standard_json.text(figures), end="")
        return
    for line in image_flags.skipped_lines(report.skipped):
        print(line)
    for name, change in report.changed:
        print(f"changed {name}: {change}")
    if report.unknown:
        print(
            f"{report.unknown:,} of those there were enrolled by an older version, "
            "which kept no hash of their images: --replace enrols them anew"
        )
    changed = f"{len(report.changed):,} changed and left as they were (--replace), "
    print(
        f"{report.added:,} enrolled, {report.there:,} there already, "
        f"{f'{report.replaced:,} replaced, ' if report.replaced else ''}"
        f"{changed if report.changed else ''}"
        f"{len(report.skipped):,} skipped; the gallery holds {held:,} "
        f"({model_flags.told(model)})."
    )


def _rows(pairs, what) -> list[dict[str, str]]:
    return [{"entry_id": name, what: text} for name, text in pairs]


def _remove(given, persons) -> None:
    if bool(given) != FLAGS.remove:
        raise errors.UserError(
            "--remove takes images or folders, --remove_person takes persons: "
            "name what is to be removed"
        )
    with places.open_gallery(FLAGS.gallery) as gallery:
        there = gallery.persons()
        gone, unknown = set(), []
        for text in given:
            path = image_sources.entry_id(text)
            found = {e for e in there if e in (text, path) or e.startswith(path + "/")}
            unknown += [] if found else [text]
            gone |= found
        for person in persons:
            found = {entry for entry, owner in there.items() if owner == person}
            unknown += [] if found else [f"person {person}"]
            gone |= found
        if unknown:
            raise errors.UserError(
                f"{FLAGS.gallery}: no entry of {', '.join(unknown)}. Nothing was "
                "removed; `experiments.search` shows entries and persons"
            )
        gallery.remove(sorted(gone))
        gallery.keep_index()
        held = len(gallery)
    if FLAGS.json:
        told = {"removed": sorted(gone), "gallery": held}
        print(standard_json.text(told), end="")
        return
    print(f"{len(gone):,} removed; the gallery holds {held:,}.")


if __name__ == "__main__":
    launch.launch(define, main, arguments=True)
