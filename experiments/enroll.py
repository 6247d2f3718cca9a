r"""Enrols images of people into a gallery.

    python -m experiments.enroll --model=EXPORT --gallery=GALLERY IMAGES...

IMAGES are files, folders (all image files below them) and CSV lists (path,person_id
[,camera_id][,split]). Run again, it adds only what is new; images of which the file,
the person or the camera is another than what was enrolled are listed, and with
--replace enrolled anew. What others remove or name while it runs stays so. What cannot
be read is skipped and listed. An entry's id is the absolute path of its image.

    python -m experiments.enroll --gallery=GALLERY --remove IMAGES...
    python -m experiments.enroll --gallery=GALLERY --remove_person=anna,bo

take entries out again, whether the files are there any more or not (a folder stands for
all entries below it, by links too, as it does for enrolment), with what a service keeps
of them in the gallery's own folder.

    python -m experiments.enroll --gallery=GALLERY --clear_gaps

writes the gallery's files anew where removals may have left copies in unused parts of
them, as --remove and --replace do; for removals by a service or by Python, whose large
galleries are not written anew at once. What a service keeps elsewhere (`serve --state`)
it writes anew with --state=FOLDER.

    python -m experiments.enroll --runner=FlinkRunner --beam_options=... \
        --model=EXPORT --gallery=milvus:http://HOST:19530#people --output=DIR IMAGES...
    python -m experiments.enroll --runner=FlinkRunner ... --output=DIR IMAGES...
    python -m experiments.enroll --gallery=GALLERY --import_shards=DIR

enrol by an Apache Beam pipeline on many machines, which all see EXPORT, IMAGES and DIR
by the same paths: into Milvus, or into shards (Parquet files) in DIR, which a gallery
of any kind imports.
"""

import logging
import pathlib

from absl import flags

from dimn_tf import errors, extras, standard_json
from dimn_tf.gallery import enrolment, outcomes, places, shards
from dimn_tf.service import claims, erasing, state
from experiments import image_flags, launch, model_flags, path_flags

FLAGS = flags.FLAGS
_OF_IMAGES = (
    "model", "runtime", "batch_size", "replace", "index", "person_folders",
    "camera_pattern", "only_camera",
)  # fmt: skip
_OF_GALLERIES = {
    "replace": "shards are compared with no gallery",
    "index": "shards have none, their gallery has",
}
# Beam's warnings that say nothing to whoever enrols.
_NOISE = "apitools not found", "Resource module is not available"


def define() -> None:
    """Defines the command's flags."""
    model_flags.define(required=False)
    path_flags.define_path("gallery", None, f"Made if it is missing: {places.HELP}.")
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
    flags.DEFINE_bool(
        "clear_gaps", False, "Rids the gallery's files of copies that removals left."
    )
    path_flags.define_path(
        "state", None, "With --clear_gaps: the folder of the service's --state."
    )
    flags.DEFINE_bool("json", False, "Prints JSON instead of lines.")
    flags.DEFINE_string(
        "runner", None, "Of Apache Beam, such as DirectRunner: enrols by a pipeline."
    )
    flags.DEFINE_list(
        "beam_options",
        [],
        "With --runner: Beam's own options, such as --flink_master=...",
    )
    path_flags.define_path(
        "output",
        None,
        "With --runner: new folder for the report and, without --gallery, for shards.",
    )
    path_flags.define_path(
        "import_shards", None, "Enrols the entries of this folder's shards instead."
    )


def main(argv):
    _refuse_what_does_not_fit(argv)
    if FLAGS.remove or FLAGS.remove_person:
        _remove(path_flags.expanded_arguments(argv[1:]), FLAGS.remove_person)
    elif FLAGS.clear_gaps:
        _clear_gaps()
    elif FLAGS.import_shards is not None:
        folder = pathlib.Path(FLAGS.import_shards)
        told = shards.read_report(folder)
        with _gallery(told["model_sha256"], told["dimension"]) as gallery:
            report = shards.import_into(gallery, folder, told, FLAGS.replace)
            _print(report, len(gallery))
    else:
        _enrol(argv)


def _refuse_what_does_not_fit(argv) -> None:
    """Raises where flags are given that exclude or need each other."""
    given = {
        "--remove": FLAGS.remove or bool(FLAGS.remove_person),
        "--clear_gaps": FLAGS.clear_gaps,
        "--import_shards": FLAGS.import_shards is not None,
        "--runner": FLAGS.runner is not None,
    }
    kinds = [name for name, is_given in given.items() if is_given]
    if len(kinds) > 1:
        raise errors.UserError(f"{' and '.join(kinds)}: give one of them")
    if FLAGS.replace and given["--remove"]:
        raise errors.UserError("--replace and --remove: give one of them")
    for kind in ("--import_shards", "--clear_gaps"):
        if given[kind] and len(argv) > 1:
            raise errors.UserError(f"{kind} takes no images: leave {argv[1]} out")
    if FLAGS.state is not None and not FLAGS.clear_gaps:
        raise errors.UserError("--state: only --clear_gaps looks there; leave it out")
    encodes = not kinds or given["--runner"]
    for flag in _OF_IMAGES:
        heeded = encodes or (given["--import_shards"] and flag in ("replace", "index"))
        if FLAGS[flag].present and not heeded:
            raise errors.UserError(
                f"--{flag}: {kinds[0]} does not use it; leave it out"
            )
    if (FLAGS.output is not None) != given["--runner"]:
        raise errors.UserError(
            "--runner and --output: a pipeline needs both, other enrolments take "
            "neither"
        )
    if given["--runner"] and FLAGS.gallery is None:
        for flag, reason in _OF_GALLERIES.items():
            if FLAGS[flag].present:
                raise errors.UserError(
                    f"--{flag}: {reason}. Give it with --import_shards"
                )
    if FLAGS.beam_options and not given["--runner"]:
        raise errors.UserError("--beam_options: they are the --runner's; name one")
    if FLAGS.gallery is None and not given["--runner"]:
        raise errors.UserError(f"--gallery: name one: {places.HELP}")
    if FLAGS.model is None and encodes:
        raise errors.UserError("--model: name the export that the images go through")


def _gallery(model_sha256, dimension):
    place = FLAGS.gallery

    def refuse_lost():
        if places.is_folder(place):
            claims.refuse_lost_gallery(state.own_folder(place), place)

    return places.create(place, model_sha256, dimension, FLAGS.index, refuse_lost)


def _enrol(argv) -> None:
    """Enrols images, here or by a pipeline."""
    if FLAGS.runner is not None:
        for handler in logging.getLogger().handlers:
            handler.addFilter(lambda line: not line.getMessage().startswith(_NOISE))
        extras.load("apache_beam", "beam", "--runner")
        if FLAGS.gallery is not None and not places.takes_many_writers(FLAGS.gallery):
            raise errors.UserError(
                f"--gallery={FLAGS.gallery}: a folder or a file has one writer. Leave "
                "the flag out, and import the shards: --import_shards"
            )
    skipped = []
    sources = image_flags.given(argv, skipped)
    model = model_flags.load()
    _ = model.inner_product_scale  # Refuses a model that no gallery can search for.
    held = None
    if FLAGS.runner is not None:
        report = _by_beam(model, sources)
        if FLAGS.gallery is not None:
            with places.open_gallery(FLAGS.gallery, model.sha256) as gallery:
                held = len(gallery)
    else:
        with _gallery(model.sha256, model.dimension) as gallery:
            report = enrolment.enrol(
                model, gallery, sources, FLAGS.batch_size, replace=FLAGS.replace
            )
            held = len(gallery)
    report.skipped[:0] = skipped
    _print(report, held, model)


def _by_beam(model, sources) -> outcomes.Report:
    from dimn_tf.gallery import beam_enrolment

    if FLAGS.gallery is not None:  # One machine makes it.
        _gallery(model.sha256, model.dimension).close()
    return beam_enrolment.enrol(
        model,
        sources,
        pathlib.Path(FLAGS.output),
        FLAGS.gallery,
        [f"--runner={FLAGS.runner}", *FLAGS.beam_options],
        FLAGS.replace,
        FLAGS.batch_size,
    )


def _print(report: outcomes.Report, held: int | None, model=None) -> None:
    """Prints what was done.

    Args:
        report: Of the enrolment.
        held: Entries of the gallery; None: there is none.
        model: What computed the vectors; None: they were there.
    """
    if FLAGS.json:
        figures = {
            "enrolled": report.added,
            "replaced": report.replaced,
            "there": report.there,
            "changed": _rows(report.changed, "change"),
            "gallery": held,
            "runtime": model and model.runtime,
            "skipped": _rows(report.skipped, "reason"),
            "gone": report.gone,
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
        f"{len(report.skipped):,} skipped"
        f"{f', {report.gone:,} of them removed meanwhile' if report.gone else ''}; "
        + (
            f"the shards are in {FLAGS.output}"
            if held is None
            else f"the gallery holds {held:,}"
        )
        + (f" ({model_flags.told(model)})." if model else ".")
    )


def _rows(pairs, what) -> list[dict[str, str]]:
    return [{"entry_id": name, what: text} for name, text in pairs]


def _remove(given, persons) -> None:
    if bool(given) != FLAGS.remove:
        raise errors.UserError(
            "--remove takes images or folders, --remove_person takes persons: "
            "name what is to be removed"
        )
    gone, held = erasing.remove(FLAGS.gallery, given, persons)
    if FLAGS.json:
        print(standard_json.text({"removed": gone, "gallery": held}), end="")
        return
    print(f"{len(gone):,} removed; the gallery holds {held:,}.")


def _clear_gaps() -> None:
    folder = None if FLAGS.state is None else pathlib.Path(FLAGS.state)
    cleared = erasing.clear_gaps(FLAGS.gallery, folder)
    if FLAGS.json:
        told = {"cleared": True, "files": [str(path) for path in cleared]}
        print(standard_json.text(told), end="")
        return
    print(f"No copies of what was removed are in {' and '.join(map(str, cleared))}.")
    if FLAGS.state is None:
        print(
            "Nothing else was looked at: where a service has a --state of its own, "
            "give it here too."
        )


if __name__ == "__main__":
    launch.launch(define, main, arguments=True)
