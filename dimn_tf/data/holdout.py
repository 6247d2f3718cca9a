"""The record of the identities that are never trained on."""

from collections.abc import Mapping, Sequence
import json
import os
import pathlib

from dimn_tf import errors


def save(path: str | os.PathLike, holdout: Mapping[str, Sequence[int]]) -> None:
    """Writes raw person ids by data set as JSON, whole or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    text = json.dumps({name: [int(p) for p in ids] for name, ids in holdout.items()})
    try:
        partial.write_text(text + "\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load(path: str | os.PathLike) -> dict[str, list[int]]:
    """Reads what `save` wrote.

    Raises:
        errors.UserError: the file is missing or not of that form.
    """
    path = pathlib.Path(path)
    expected = (
        'expected JSON like {"cuhk02": [1004, 1017]}, as training with '
        "--holdout_identities writes it into its work directory"
    )
    try:
        holdout = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise errors.UserError(f"{path}: found no such file, {expected}.") from error
    except ValueError as error:
        raise errors.UserError(
            f"{path}: found no JSON ({error}), {expected}."
        ) from error
    well_formed = isinstance(holdout, dict) and all(
        isinstance(persons, list)
        and all(isinstance(p, int) and not isinstance(p, bool) for p in persons)
        for persons in holdout.values()
    )
    if not well_formed:
        raise errors.UserError(f"{path}: found another form, {expected}.")
    return holdout
