"""The ten official folds of GRID."""

import io
import json
from collections.abc import Collection, Mapping

import numpy as np
import scipy.io

from data_builders import mat_files
from data_builders.archives import Archive
from data_builders.grid.facts import FACTS, FOLD_PERSONS, FOLDS
from dimn_tf.errors import DataError

FILE_NAME = "features_and_partitions.mat"
_TRAIN, _TEST, _FIELD = "trainIdxAll", "testIdxAll", "personIdx"
METADATA_KEY = "test_person_ids"


def read_folds(archive: Archive, root: str) -> list[list[int]] | None:
    """Test persons of each fold, as the archive lists them.

    The official file has 1 x 10 cells of a struct each; a struct array is read as well.
    Where the test persons of a fold are not one number a person, they are all whom its
    training persons leave.

    Args:
        archive: GRID's archive.
        root: the data set's root folder in it.

    Returns:
        Sorted person ids of each fold; None where the archive lacks the file.

    Raises:
        DataError: the file is there but does not hold the folds.
    """
    name = root + FILE_NAME
    if name not in archive.names:
        return None
    encoded = archive.read(name)
    try:
        variables = scipy.io.loadmat(
            io.BytesIO(encoded),
            variable_names=[_TRAIN, _TEST],
            squeeze_me=True,
            struct_as_record=False,
        )
        return _test_persons(variables)
    except mat_files.READ_FAULTS as error:
        raise DataError(
            f"grid: {name} does not hold the folds",
            path=archive.path,
            found=f"{type(error).__name__}: {error}",
            expected=f"1 x 10 structs {_TEST} with the field {_FIELD}",
            action="the archive is damaged or another version; download it again",
        ) from error


def _test_persons(variables: Mapping[str, object]) -> list[list[int]]:
    """The test persons of each fold, of the file's variables."""
    folds = _persons(variables[_TEST])
    if all(len(fold) == FOLD_PERSONS for fold in folds) or _TRAIN not in variables:
        return folds
    everyone = set(range(1, FACTS.identities + 1))
    for number, train in enumerate(_persons(variables[_TRAIN])[: len(folds)]):
        if len(folds[number]) != FOLD_PERSONS and len(set(train)) == FOLD_PERSONS:
            folds[number] = sorted(everyone - set(train))
    return folds


def _persons(structs: object) -> list[list[int]]:
    """The sorted persons of each struct."""
    return [
        sorted(int(person) for person in np.ravel(getattr(struct, _FIELD)))
        for struct in np.atleast_1d(structs)
    ]


def check_folds(
    folds: list[list[int]],
    persons: Collection[int] | None,
    path,
    fold_persons: int | None,
) -> None:
    """Checks folds against the images.

    Args:
        folds: person ids of each fold.
        persons: person ids of the probe images; None where images may be missing.
        path: the archive, for the error.
        fold_persons: persons that each fold must have; None for made-up data, and
            where images may be missing.

    Raises:
        DataError: there are not ten folds, or one of them names a person twice, or
            one without a probe image, or another number of persons.
    """
    if len(folds) != FOLDS:
        raise DataError(
            f"grid: {FILE_NAME} holds another number of folds",
            path=path,
            found=f"{len(folds)} folds",
            expected=f"{FOLDS} folds",
            action="the archive is damaged or another version; download it again",
        )
    for number, fold in enumerate(folds, start=1):
        strangers = [] if persons is None else sorted(set(fold) - set(persons))
        right_size = fold_persons is None or len(fold) == fold_persons
        if right_size and not strangers and len(set(fold)) == len(fold):
            continue
        raise DataError(
            f"grid: fold {number} of {FILE_NAME} does not fit the images",
            path=path,
            found=f"{len(fold)} persons, {len(set(fold))} different ones, "
            f"{len(strangers)} without a probe image {strangers[:5]}",
            expected=f"{fold_persons or len(fold)} different persons with probe images",
            action="the archive is damaged or another version; download it again",
        )


def load_folds(builder) -> list[np.ndarray]:
    """Test persons of the ten official folds of a built GRID.

    Args:
        builder: TFDS builder of a built `grid`.

    Returns:
        Ten arrays of 125 person ids, int64, sorted.

    Raises:
        DataError: the data set is not built, or was built from an archive without
            its partition file.
    """
    path = builder.data_path / "metadata.json"
    stored = json.loads(path.read_text()) if path.exists() else {}
    if METADATA_KEY not in stored:
        raise DataError(
            "grid: the official folds are not there",
            path=path,
            found="a built data set without them" if path.exists() else "no such file",
            expected=f"the folds of {FILE_NAME}",
            action="build grid from its complete archive: "
            "tfds build --manual_dir=... in data_builders/grid",
        )
    return [np.asarray(fold, dtype=np.int64) for fold in stored[METADATA_KEY]]
