"""Makes all nine archives up, in their official layouts and at their full counts.

    python -m experiments.benchmarks.rehearsal.archives --folder=ARCHIVES

Noise, no picture of anyone: 130,000 tiny images in less than a minute.
"""

import pathlib
import time
from collections.abc import Callable

from absl import flags

from dimn_tf import errors
from experiments import launch, path_flags
from experiments.benchmarks.rehearsal import (
    cuhk03,
    cuhk_sysu,
    image_folders,
    packing,
    targets,
)

# Data set -> what writes its archive into a folder.
MAKERS: dict[str, Callable[..., pathlib.Path]] = {
    "cuhk02": image_folders.write_cuhk02,
    "cuhk03": cuhk03.write,
    "dukemtmc_reid": image_folders.write_dukemtmc_reid,
    "market1501": image_folders.write_market1501,
    "cuhk_sysu": cuhk_sysu.write,
    "viper": targets.write_viper,
    "prid": targets.write_prid,
    "grid": targets.write_grid,
    "ilids": targets.write_ilids,
}


def write_all(
    folder: pathlib.Path,
    size: packing.Size = packing.TINY,
    log: Callable[[str], None] = print,
) -> None:
    """Writes the nine archives.

    Args:
        folder: where to; made if it is not there.
        size: of the images; VIPeR's keep their own.
        log: takes a line for each archive.

    Raises:
        errors.UserError: the folder is not empty.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise errors.UserError(
            f"--folder={folder}: not empty. Name a new folder, so that no archive of "
            "yours is overwritten."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in MAKERS.items():
        start = time.monotonic()
        path = write(folder) if name == "viper" else write(folder, size)
        log(
            f"{name}: {path.name}, {path.stat().st_size / 1e6:,.1f} MB, "
            f"{time.monotonic() - start:.1f} s"
        )


FLAGS = flags.FLAGS


def define() -> None:
    path_flags.define_path(
        "folder", None, "New folder for the archives.", required=True
    )
    flags.DEFINE_integer("image_height", packing.TINY.height, "Pixels.", 2)
    flags.DEFINE_integer("image_width", packing.TINY.width, "Pixels.", 2)


def main(_):
    size = packing.Size(FLAGS.image_height, FLAGS.image_width)
    write_all(pathlib.Path(FLAGS.folder), size)


if __name__ == "__main__":
    launch.launch(define, main)
