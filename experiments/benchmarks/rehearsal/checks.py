"""What the commands of the rehearsal must have printed and written."""

import csv
import json
import pathlib
import re

# Table 1 of the paper: identities and images of the sources; identities of probes and
# of the gallery, images of probes and of the gallery of the targets.
SOURCES = {
    "CUHK02": (1_816, 7_264),
    "CUHK03": (1_467, 14_097),
    "DukeMTMC-reID": (1_812, 36_411),
    "Market-1501": (1_501, 29_419),
    "CUHK-SYSU": (11_934, 34_574),
    "sum": (18_530, 121_765),
}
TARGETS = {
    "VIPeR": (316, 316, 316, 316),
    "PRID": (100, 649, 100, 649),
    "GRID": (125, 900, 125, 1_025),
    "i-LIDS": (60, 60, 60, 60),
}
IDENTITIES = SOURCES["sum"][0]


def table_1(printed: str) -> dict[str, bool]:
    """Whether each row that `dataset_stats` found is the paper's.

    Args:
        printed: its output; a row is a title, the paper's figures, and those found.
    """
    found = {}
    for line in printed.splitlines():
        title, *cells = line.split()[:9] or [""]
        numbers = tuple(
            int(cell.replace(",", ""))
            for cell in cells
            if re.fullmatch(r"[\d,]+", cell)
        )
        found[title] = numbers
    return {
        title: found.get(title) == 2 * row for title, row in (SOURCES | TARGETS).items()
    }


def prints_identities(printed: str) -> bool:
    """Whether a training says that it has the paper's C."""
    return f"C = {IDENTITIES:,} identities" in printed


def resumed_from(printed: str) -> int | None:
    """The step that a training says it goes on from."""
    found = re.search(r"^Going on from .*\(step ([\d,]+) of", printed, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else None


def logged_steps(training_log: pathlib.Path) -> list[int]:
    """The steps of a training log's rows, in their order."""
    with training_log.open(newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def same_figures(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Whether two results files hold the same figures of the paper's four targets."""
    figures = [json.loads(path.read_text())["targets"] for path in (first, second)]
    return figures[0] == figures[1] and len(figures[0]) == len(TARGETS)
