"""What the field's data sets look like, lest one be taken for "a folder a person"."""

import pathlib
import re
from collections.abc import Collection, Sequence

from dimn_tf.errors import DataError

_DISTRACTOR = re.compile(r"-[0-9]+|0+")
_SPLIT_FOLDERS = {
    "bounding_box_train",
    "bounding_box_test",
    "gt_bbox",
    "gt_query",
    "images_detected",
    "images_labeled",
    "train",
    "test",
    "val",
    "query",
    "probe",
    "gallery",
    "single_shot",
    "multi_shot",
}
_CAMERA_FOLDER = re.compile(r"(?:cam(?:era)?|view|c)[ _-]?(?:[0-9]{1,3}|[a-z])")
# What names the images of a data set that is known here -> its name.
_KNOWN_NAMES = {
    r".*/-?\d{1,4}_c\d_f\d{7}\.jpg": "dukemtmc_reid",
    r".*/-?\d{1,4}_c\ds\d_\d{6}_\d{2}\.jpg(\.jpg)?": "market1501",
}
_CSV = (
    "list the images in a CSV with the columns path,person_id,camera_id,split, which "
    "may lie anywhere above them"
)


def is_distractor(person: str) -> bool:
    """Whether an id stands for no person: -1, 0, 0000 (Market-1501's convention)."""
    return _DISTRACTOR.fullmatch(person) is not None


def refuse_other_trees(path: pathlib.Path, names: Sequence[str]) -> None:
    """Refuses folders whose folders are plainly no persons.

    Args:
        path: the folder that is said to hold one folder a person.
        names: its images, relative to it.

    Raises:
        DataError: its folders are splits or cameras, or there is none; says what can
            be named instead.
    """
    folders = sorted({name.partition("/")[0] for name in names if "/" in name})
    splits = [folder for folder in folders if folder.casefold() in _SPLIT_FOLDERS]
    cameras = [x for x in folders if _CAMERA_FOLDER.fullmatch(x.casefold())]
    if splits:
        problem, found = "its folders are splits, not persons", splits
        action = _action_for_splits(path, names, splits)
    elif len(folders) > 1 and cameras == folders:
        problem, found = "its folders are cameras, not persons", cameras
        action = (
            "make one folder a person and tell the camera in the files' names "
            r"(alice/cam1_01.png with ?camera=^(cam\d+)_); or "
            + _CSV
            + "; VIPeR, PRID and CUHK02 as published are the data sets `viper`, `prid` "
            f"and `cuhk02` with --manual_dir={path.parent}"
        )
    elif names and not folders:
        problem, found = "it holds images and no folder", [f"{len(names):,} images"]
        action = f"{_known(path, names)}make one folder a person; or {_CSV}"
    else:
        return
    raise DataError(
        f"reid_folder: {path.name} is no folder of persons: {problem}",
        path=path,
        found=_some(found),
        expected="one folder a person, named by the person",
        action=action,
    )


def _action_for_splits(path, names, splits) -> str:
    known = _known(path, names)
    if known:
        return f"{known}or {_CSV}"
    if any(name.startswith(f"{splits[0]}/") and name.count("/") > 1 for name in names):
        return (
            f"name the persons of one split, reid_folder:{path}/{splits[0]}; or {_CSV}"
        )
    return _CSV


def _known(path: pathlib.Path, names: Sequence[str]) -> str:
    """The beginning of what to do, where the data set is one that is known here."""
    some = [f"/{name}" for name in names[:100]]
    for pattern, data_set in _KNOWN_NAMES.items():
        if any(re.fullmatch(pattern, name) for name in some):
            return (
                f"name the data set, `{data_set}`, with --manual_dir=FOLDER, where it "
                f"lies (data_builders/{data_set}/README.md says under which name); "
            )
    return ""


def _some(found: Collection[str]) -> str:
    listed = list(found)
    return ", ".join(listed[:6]) + (", ..." if listed[6:] else "")
