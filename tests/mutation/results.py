"""`experiments/results/mutation.json`: what the tests noticed of each module.

    {"dimn_tf/losses.py": {"mutants": 30, "noticed": 29, "survivors": [
         {"operator": ..., "line": ..., "diff": ..., "why": ...}],
      "seed": 0, "cosmic_ray": "8.7.0", "command": "make mutate MODULE=..."}}

`why` says why a survivor changes nothing that the module is for; a person writes it
into the file, and it stays while the survivor is the same. Without it the survivor
is a fault that the tests do not see.
"""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

LEAST_NOTICED = 0.95


def read(path: pathlib.Path) -> dict[str, Any]:
    """What is in the file; nothing where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def merge(path: pathlib.Path, module: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces one module's entry; a known survivor keeps its `why`.

    Args:
        path: The file; the other modules' entries stay.
        module: Its path in the repository.
        entry: The new entry; its survivors have no `why` yet.

    Returns:
        The entry as written.
    """
    found = read(path)
    known = {
        (one["operator"], one["diff"]): one["why"]
        for one in found.get(module, {}).get("survivors", ())
    }
    survivors = [
        {**one, "why": known.get((one["operator"], one["diff"]), "")}
        for one in entry["survivors"]
    ]
    found[module] = {**entry, "survivors": survivors}
    text = json.dumps(dict(sorted(found.items())), indent=1, ensure_ascii=False)
    fresh = path.with_suffix(".new")
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(path)
    return found[module]


def share(entries: Sequence[Mapping[str, Any]]) -> float:
    """Of the mutants that change behaviour, the share that was noticed.

    Args:
        entries: Of one or more modules.

    Returns:
        0..1; 1 where no mutant changes behaviour.
    """
    noticed = sum(entry["noticed"] for entry in entries)
    missed = sum(not one["why"] for entry in entries for one in entry["survivors"])
    return noticed / (noticed + missed) if noticed + missed else 1.0


def room(module: str) -> str:
    """Example: `dimn_tf/gallery` of dimn_tf/gallery/store.py; a top module's own."""
    folder = module.rpartition("/")[0]
    return module if folder == "dimn_tf" else folder
