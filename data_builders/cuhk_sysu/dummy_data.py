"""Made-up CUHK-SYSU in the official layout."""

import pathlib
from collections.abc import Sequence

import numpy as np
import scipy.io

from data_builders import dummy_images

SPLITS = {"persons": 6}
FRAME_HEIGHT, FRAME_WIDTH = 24, 32
# (person, frame, box x, y, width, height)
APPEARANCES = (
    ("p1", "s1.jpg", (2, 3, 5, 10)),
    ("p1", "s2.jpg", (-4, -2, 10, 12)),  # leaves the frame at the left and top
    ("p1", "s2.jpg", (10, 2, 6, 9)),  # the same person twice in one frame
    ("p2", "s2.jpg", (28, 20, 10, 10)),  # leaves it at the right and bottom
    ("p2", "s3.jpg", (40, 2, 5, 5)),  # outside: no record
    ("p2", "s4.jpg", (0, 0, 32, 24)),
    ("p11934", "s1.jpg", (8, 1, 4, 8)),  # a single image
)
FRAMES = ("s1.jpg", "s2.jpg", "s3.jpg", "s4.jpg", "s5.jpg")


def write(manual_dir: pathlib.Path) -> pathlib.Path:
    """Writes the extracted archive and returns its folder."""
    root = manual_dir / "CUHK-SYSU"
    names = (f"Image/SSM/{frame}" for frame in FRAMES)
    dummy_images.write(root, names, height=FRAME_HEIGHT, width=FRAME_WIDTH)
    (root / "annotation").mkdir()
    write_annotation(root / "annotation" / "Person.mat", APPEARANCES)
    return root


def write_annotation(path: pathlib.Path, appearances: Sequence[tuple]) -> None:
    """Writes a real `Person.mat`: a struct array with a struct array in it."""
    scene_type = [("imname", object), ("idlocate", object), ("ishard", object)]
    person_type = [("idname", object), ("nAppear", object), ("scene", object)]
    names = list(dict.fromkeys(name for name, _, _ in appearances))
    persons = np.zeros((1, len(names)), dtype=person_type)
    for index, name in enumerate(names):
        own = [(frame, box) for other, frame, box in appearances if other == name]
        scenes = np.zeros((1, len(own)), dtype=scene_type)
        for column, (frame, box) in enumerate(own):
            scenes[0, column] = (frame, np.array([box], dtype=np.float64), 0.0)
        persons[0, index] = (name, float(len(own)), scenes)
    scipy.io.savemat(path, {"Person": persons})
