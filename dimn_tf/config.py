"""Options: one declaration serves the library, the launchers' flags and the record.

An option is a dataclass field made by `option`. Launchers turn every field into an
absl flag of the same name (`experiments/flags.py`), and a work directory records
the values (`dimn_tf/training/workdir.py`); the library itself reads no flags.
"""

import dataclasses
from typing import Any


def option(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    changes_result: bool = True,
) -> Any:
    """Declares one option of an options dataclass.

    Args:
        default: Its value unless the user says otherwise.
        help: One or two sentences; "paper:" or "ours:" where the value comes from.
        choices: The values allowed, for a string.
        changes_result: Whether another value makes other weights, so that a work
            directory made with one value cannot be continued with another. Places,
            intervals and targets do not.

    Returns:
        A dataclass field.
    """
    metadata = {"help": help, "choices": choices, "changes_result": changes_result}
    if isinstance(default, list | tuple):
        values = tuple(default)
        return dataclasses.field(default_factory=lambda: values, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)
