"""Options: one declaration serves the library, the launchers' flags and the record.

An option is a dataclass field made by `option`. Launchers turn every field into an
absl flag of the same name (`experiments/flags.py`), and a work directory records
the values (`dimn_tf/training/workdir.py`); the library itself reads no flags.
"""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from dimn_tf import errors

PATH = "path"
REFERENCES = "references"

_KINDS = {bool: "true or false", int: "a whole number", float: "a number"}


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    least: float | None = None,
    most: float | None = None,
    changes_result: bool = True,
    holds: str | None = None,
) -> Any:
    """Declares one option of an options dataclass.

    Args:
        default: Its value unless the user says otherwise.
        help: One or two sentences; "paper:" or "ours:" where the value comes from.
        choices: The values allowed, for a string.
        least: Smallest value allowed, for a number.
        most: Largest value allowed, for a number.
        changes_result: Whether another value makes other weights, so that a work
            directory made with one value cannot be continued with another. Places,
            intervals and targets do not.
        holds: `PATH` or `REFERENCES` where the value is a path, or names of data sets
            that may hold one.

    Returns:
        A dataclass field.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "least": least,
        "most": most,
        "changes_result": changes_result,
        "holds": holds,
    }
    if isinstance(default, list | tuple):
        values = tuple(default)
        return dataclasses.field(default_factory=lambda: values, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def read(group: type, values: Mapping[str, Any], prefix: str = "") -> Any:
    """An options dataclass from values by flag name.

    Args:
        group: The dataclass.
        values: As flags or a JSON record hold them; a name that is missing keeps the
            field's default.
        prefix: Of the fields' flags.

    Raises:
        errors.UserError: an element of a list is not of its type.
    """
    hints = typing.get_type_hints(group)
    given = {}
    for field in dataclasses.fields(group):
        name = prefix + field.name
        if name not in values:
            continue
        value = values[name]
        if typing.get_origin(hints[field.name]) is tuple:
            kind = typing.get_args(hints[field.name])[0]
            try:
                if isinstance(value, str):  # Else its letters would be the elements.
                    raise TypeError("a list was expected")
                value = tuple(kind(element) for element in value)
            except (TypeError, ValueError) as error:
                raise errors.UserError(f"--{name}={value}: {error}.") from error
        given[field.name] = value
    return group(**given)


def check(options: Any, prefix: str = "") -> None:
    """Checks every field of an options dataclass: its type, choices and range.

    Args:
        options: An instance of a dataclass whose fields are made by `option`.
        prefix: Of the fields' flags.

    Raises:
        errors.UserError: names the first flag whose value is not allowed.
    """
    hints = typing.get_type_hints(type(options))
    for field in dataclasses.fields(options):
        value, rule = getattr(options, field.name), field.metadata
        if not _is_of(value, hints[field.name]):
            expected = _KINDS.get(hints[field.name], "text")
        elif rule["choices"] and value not in rule["choices"]:
            expected = f"one of {', '.join(rule['choices'])}"
        elif rule["least"] is not None and not value >= rule["least"]:
            expected = f"at least {_number(rule['least'])}"
        elif rule["most"] is not None and not value <= rule["most"]:
            expected = f"at most {_number(rule['most'])}"
        else:
            continue
        raise errors.UserError(f"--{prefix}{field.name}={value}: expected {expected}.")


def _number(limit: float) -> str:
    return str(limit) if isinstance(limit, int) else f"{limit:g}"


def _is_of(value: Any, hint: Any) -> bool:
    """Whether a value is of an option's type; whole numbers are numbers too."""
    if typing.get_origin(hint) is tuple:
        return isinstance(value, tuple)  # `read` has looked at its elements.
    if hint is float:
        hint = float | int
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
