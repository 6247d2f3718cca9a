r"""Writes the images of a built data set into a folder a person, as cameras' crops.

    python -m experiments.extract_images --dataset=synthetic_reid/night_market \
        --folder=crops

FOLDER/PERSON/CAMERA_NAME.png: what `reid_folder` (`?camera=^(\d+)_`),
`experiments.enroll` and `experiments.evaluate_gallery` (--camera_pattern='^(\d+)_')
take. Of real data, keep the folder out of any repository.
"""

import io
import pathlib

import numpy as np
import PIL.Image
from absl import flags

from dimn_tf import errors, files, unfinished
from dimn_tf.data import records
from experiments import launch, path_flags

FLAGS = flags.FLAGS
_AT_A_TIME = 256


def define() -> None:
    """Defines the command's flags."""
    path_flags.define_reference(
        "dataset", None, "Of the registry, built.", required=True
    )
    path_flags.define_path("data_dir", "data/tfds", "Folder of the built data sets.")
    path_flags.define_path("folder", None, "To make.", required=True)
    flags.DEFINE_integer("persons", 0, "Only the first so many; 0: all.", 0)


def main(_):
    folder = pathlib.Path(FLAGS.folder)
    if folder.exists():
        raise errors.UserError(
            f"--folder={folder}: it is there already. Name a new one, or remove it"
        )
    opened = records.load_records(FLAGS.dataset, FLAGS.data_dir)
    persons = np.unique(
        opened.person_ids[~np.isin(opened.person_ids, opened.non_identities)]
    )
    if FLAGS.persons:
        persons = persons[: FLAGS.persons]
    indices = np.flatnonzero(np.isin(opened.person_ids, persons))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.beside(folder) as partial:
        for start in range(0, len(indices), _AT_A_TIME):
            part = indices[start : start + _AT_A_TIME]
            for i, encoded in zip(part, opened.encoded_images(part), strict=True):
                _write(partial, opened, i, encoded)
        unfinished.publish(
            partial,
            folder,
            f"--folder={folder}: another process made it meanwhile. Look at it, or "
            "name another one",
        )
    print(f"{len(indices):,} images of {len(persons):,} people: {folder}")


def _write(folder: pathlib.Path, opened, i: int, encoded: bytes) -> None:
    person = folder / f"{opened.person_ids[i]:04d}"
    person.mkdir(parents=True, exist_ok=True)
    kind = PIL.Image.open(io.BytesIO(encoded)).format.lower().replace("jpeg", "jpg")
    stem = pathlib.PurePosixPath(str(opened.file_names[i])).with_suffix("")
    name = str(stem).replace("/", "_")
    path = person / f"{opened.camera_ids[i]}_{name}.{kind}"
    with files.told(path):  # A full disk's error names no file.
        path.write_bytes(encoded)


if __name__ == "__main__":
    launch.launch(define, main)
