"""Flags that say which images a command line stands for."""

from absl import flags

from dimn_tf import errors
from dimn_tf.gallery import image_sources, names
from experiments import path_flags

FLAGS = flags.FLAGS


def define() -> None:
    """Defines --person_folders, --camera_pattern and --only_camera."""
    flags.DEFINE_bool(
        "person_folders", False, "Whether a folder holds one folder a person."
    )
    flags.DEFINE_string(
        "camera_pattern",
        "",
        r"Finds the camera in a file's name, such as ^(\d+)_; with --person_folders.",
    )
    flags.DEFINE_string("only_camera", None, "Takes the images of this camera alone.")


def given(
    argv: list[str], skipped: list[tuple[str, str]]
) -> list[image_sources.ImageSource]:
    """The images that the arguments name: files, folders and CSV lists.

    Args:
        argv: The command's name and its arguments.
        skipped: Takes (where, reason) of what cannot be used.

    Raises:
        errors.UserError: there are none.
    """
    if len(argv) < 2:
        raise errors.UserError("no images: name files, folders or CSV lists")
    expanded = list(
        image_sources.expand(
            path_flags.expanded_arguments(argv[1:]),
            FLAGS.person_folders,
            FLAGS.camera_pattern,
            skipped,
        )
    )
    only = FLAGS.only_camera
    found = [x for x in expanded if only is None or names.same(only, x.camera_id)]
    if not found:
        cameras = sorted({x.camera_id for x in expanded if x.camera_id})
        known = f" (cameras there: {', '.join(cameras)})" if cameras else ""
        asked = f" of camera {FLAGS.only_camera}{known}" if FLAGS.only_camera else ""
        lines = "".join(f"\n  {line}" for line in skipped_lines(skipped[:5]))
        raise errors.UserError(
            f"{', '.join(argv[1:])}: no image file{asked} found{lines}"
        )
    return found


def skipped_lines(skipped: list[tuple[str, str]]) -> list[str]:
    """A line for each; names that are no text are escaped."""
    return [
        f"skipped {where}: {reason}".encode(errors="backslashreplace").decode()
        for where, reason in skipped
    ]
