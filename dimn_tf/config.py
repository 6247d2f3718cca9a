"""Options: one declaration serves the library, the launchers' flags and the record.

An option is a dataclass field made by `option`. Launchers turn every field into an
absl flag of the same name (`experiments/flags.py`), and a work directory records
the values (`dimn_tf/training/workdir.py`); the library itself reads no flags.
"""

import dataclasses
from typing import Any

from dimn_tf import errors


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    least: float | None = None,
    most: float | None = None,
    changes_result: bool = True,
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

    Returns:
        A dataclass field.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "least": least,
        "most": most,
        "changes_result": changes_result,
    }
    if isinstance(default, list | tuple):
        values = tuple(default)
        return dataclasses.field(default_factory=lambda: values, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def check(options: Any, prefix: str = "") -> None:
    """Checks every field of an options dataclass against its choices and range.

    Args:
        options: An instance of a dataclass whose fields are made by `option`.
        prefix: Of the fields' flags.

    Raises:
        errors.UserError: names the first flag whose value is not allowed.
    """
    for field in dataclasses.fields(options):
        value, rule = getattr(options, field.name), field.metadata
        if rule["choices"] and value not in rule["choices"]:
            expected = f"one of {', '.join(rule['choices'])}"
        elif rule["least"] is not None and not value >= rule["least"]:
            expected = f"at least {rule['least']:g}"
        elif rule["most"] is not None and not value <= rule["most"]:
            expected = f"at most {rule['most']:g}"
        else:
            continue
        raise errors.UserError(f"--{prefix}{field.name}={value}: expected {expected}.")
