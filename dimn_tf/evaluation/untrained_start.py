"""What an untrained result is of: flags, since no run's record keeps others away."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from dimn_tf import standard_json


@dataclasses.dataclass(frozen=True)
class Start:
    """The flags that an untrained result was made with.

    Before a run is trained its work directory takes any flags, so that `evaluate
    --model=initial` can leave results of several starts there.

    Attributes:
      values: by flag name; what is missing has its default.
      defaults: of all flags that count.
    """

    values: Mapping[str, Any]
    defaults: Mapping[str, Any]

    @property
    def departures(self) -> dict[str, Any]:
        """Its values that are not the defaults, as JSON gives them back."""
        return self._departures(self.values)

    def is_of(self, flags: Mapping[str, Any]) -> bool:
        """Whether a result with these recorded flags is of the same start."""
        return self._departures(flags) == self.departures

    def _departures(self, flags: Mapping[str, Any]) -> dict[str, Any]:
        found, usual = _as_read(flags), _as_read(self.defaults)
        return {
            name: found[name]
            for name, value in usual.items()
            if found.get(name, value) != value
        }


def _as_read(values: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(standard_json.text(dict(values)))
