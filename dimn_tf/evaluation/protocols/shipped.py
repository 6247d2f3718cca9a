"""The trial lists that ship with the package."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable

from dimn_tf.evaluation.protocols import protocol, trial, trial_text


def shipped_list(name: str) -> list[trial.Trial]:
    """The trial list that ships with the package as `trial_lists/<name>.txt`."""
    folder = importlib.resources.files("dimn_tf.evaluation.protocols") / "trial_lists"
    file = folder / f"{name}.txt"
    return trial_text.from_text(file.read_text(encoding="ascii"), str(file))


def source(name: str) -> str:
    """Where a shipped list's trials come from, for people."""
    return f"list {name}.txt of the package"


def protocol_of(
    name: str, draw: Callable[[protocol.Asked], list[trial.Trial]]
) -> protocol.Protocol:
    """A protocol that is a shipped list, whatever is asked.

    Args:
      name: of the list.
      draw: see `Protocol`.
    """
    return protocol.Protocol(lambda asked: (shipped_list(name), source(name)), "", draw)
