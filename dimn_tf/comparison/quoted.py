"""Tables 3 to 6: what the paper quotes of others, beside DIMN's figures."""

import json
import pathlib
from typing import Any

from dimn_tf.comparison import gathered as gathered_lib
from dimn_tf.comparison import markdown, rows, trained_on
from dimn_tf.evaluation import paper_results

FILE = pathlib.Path(__file__).with_name("quoted.json")
"""Target -> name, kind (S or U), rank-1, rank-5, rank-10, mAP of each quoted row."""


def tables(gathered: gathered_lib.Gathered) -> list[str]:
    """What the paper quotes for each target, DIMN's own figures beneath."""
    quoted: dict[str, Any] = json.loads(FILE.read_text())
    found = []
    for target in paper_results.TARGETS:
        lines = [
            [
                f"{name} ({kind}), quoted",
                *(markdown.NONE if value is None else f"{value:.1f}" for value in row),
            ]
            for name, kind, *row in quoted[target]
        ]
        paper = paper_results.paper_row(rows.REFERENCE, target)
        lines.append(["DIMN, the paper's", *markdown.figures(paper)])
        if rows.REFERENCE in gathered.figures:
            for name, values in gathered.first(rows.REFERENCE)["targets"].items():
                if name.split("/")[0] == target:
                    label = f"DIMN, ours{trained_on.of_target(values)}"
                    lines.append([label, *markdown.figures(values)])
        found.append(markdown.table([target, *markdown.HEADINGS], lines))
    return found
