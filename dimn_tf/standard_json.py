"""JSON as its standard has it, which every program can read."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any


def text(values: Any) -> str:
    """`values` as lines of JSON, indented.

    Raises:
        ValueError: NaN or infinity is among them: Python would write them by names
            that are no JSON. Who has such a figure says instead why there is none.
    """
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def read_object(path: str | os.PathLike) -> dict[str, Any]:
    """The JSON object that a file holds, in UTF-8, UTF-16 or UTF-32, marked or not.

    Raises:
        ValueError: it holds no JSON, or no object; in one line.
        OSError: it cannot be read.
    """
    content = pathlib.Path(path).read_bytes()
    try:
        values = json.loads(content)  # It tells the encoding by the first bytes.
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(values, dict):
        raise ValueError(f"a JSON {type(values).__name__}, not an object {{...}}")
    return values
