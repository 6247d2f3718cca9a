"""Reads `Person.mat`, which says where in the frames each person appears."""

import dataclasses
import io
import os
import re

import numpy as np
import scipy.io

from data_builders import mat_files
from dimn_tf.errors import DataError

FILE_NAME = "annotation/Person.mat"
_IDNAME = re.compile(r"p(\d+)")


@dataclasses.dataclass(frozen=True)
class Appearance:
    """One person in one frame.

    Attributes:
        person: the archive's number, 12 for `p12`.
        frame: file name of the frame, e.g. `s16929.jpg`.
        box: x, y, width, height in pixels as annotated; may leave the frame.
    """

    person: int
    frame: str
    box: tuple[int, int, int, int]

    def clamped(self, width: int, height: int) -> tuple[int, int, int, int] | None:
        """The box within a frame, or None where nothing of it is inside.

        Example: x = -3, width 10 in a frame 8 wide -> columns 0 to 6.

        Args:
            width: width of the frame in pixels.
            height: height of the frame in pixels.

        Returns:
            Left, top, right, bottom; right and bottom are not part of it.
        """
        x, y, box_width, box_height = self.box
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + box_width, width), min(y + box_height, height)
        if left >= right or top >= bottom:
            return None
        return left, top, right, bottom


def read_appearances(encoded: bytes, archive: str | os.PathLike) -> list[Appearance]:
    """All appearances of all persons.

    Args:
        encoded: content of `Person.mat`: a struct array `Person` with the fields
            `idname` ("p12"), `nAppear` and `scene`, a struct array with the fields
            `imname`, `idlocate` (x, y, width, height) and `ishard`.
        archive: path of the archive, for the error.

    Raises:
        DataError: the file is damaged or laid out otherwise, e.g. a copy that gives
            boxes without identities.
    """
    try:
        variables = scipy.io.loadmat(
            io.BytesIO(encoded),
            variable_names=["Person"],
            squeeze_me=True,
            struct_as_record=False,
        )
        appearances = []
        for person in np.atleast_1d(variables["Person"]):
            number = int(_IDNAME.fullmatch(person.idname)[1])
            for scene in np.atleast_1d(person.scene):
                x, y, width, height = (int(value) for value in scene.idlocate)
                appearances.append(
                    Appearance(number, str(scene.imname), (x, y, width, height))
                )
        return appearances
    except mat_files.READ_FAULTS as error:
        raise DataError(
            f"cuhk_sysu: {FILE_NAME} does not hold the persons",
            path=archive,
            found=f"{type(error).__name__}: {error}",
            expected="a struct array Person with idname (p1, p2, ...) and scene "
            "(imname, idlocate)",
            action="the archive is damaged, or one of the copies that lack the "
            "identities; download the original",
        ) from error
