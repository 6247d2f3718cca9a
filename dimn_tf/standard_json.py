"""JSON as its standard has it, which every program can read."""

from __future__ import annotations

import json
from typing import Any


def text(values: Any) -> str:
    """`values` as lines of JSON, indented.

    Raises:
        ValueError: NaN or infinity is among them: Python would write them by names
            that are no JSON. Who has such a figure says instead why there is none.
    """
    return json.dumps(values, indent=2, allow_nan=False) + "\n"
