"""Where a run's files lie: what it was called with, so that it is found again."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

from dimn_tf import errors, files, standard_json


def remember(
    path: pathlib.Path,
    targets: Sequence[str],
    data_dir: str,
    manual_dir: str,
    encoder_weights: str,
) -> None:
    """Records where a run's files are.

    Args:
        path: `WorkDir.places`.
        targets: References.
        data_dir: TFDS' output folder; recorded as an absolute path, like the others.
        manual_dir: Folder of the archives.
        encoder_weights: `none`, `imagenet` or a file.
    """
    if encoder_weights not in ("none", "imagenet"):
        encoder_weights = os.path.abspath(encoder_weights)
    places = {
        "targets": list(targets),
        "data_dir": os.path.abspath(data_dir),
        "manual_dir": os.path.abspath(manual_dir),
        "encoder_weights": encoder_weights,
    }
    with files.replacing(path) as partial:
        partial.write_text(standard_json.text(places))


def recall(path: pathlib.Path) -> dict[str, object]:
    """What `remember` recorded; empty where nothing was.

    Raises:
        errors.UserError: the file is not as it was written.
    """
    if not path.is_file():
        return {}
    try:
        places = standard_json.read_object(path)
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    for name, value in places.items():
        texts = value if name == "targets" else [value]
        if not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
            raise _damaged(path, f"{name}: {str(value)[:80]}")
    return places


def _damaged(path: pathlib.Path, found: str) -> errors.DataError:
    return errors.DataError(
        f"{path.name} does not say where the run's files are",
        path=path,
        found=found,
        expected="the places as training wrote them, in JSON",
        action="remove the file and name --targets, --data_dir and --manual_dir",
    )
