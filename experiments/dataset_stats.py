"""The paper's Table 1 beside what the archives hold.

    python -m experiments.dataset_stats --manual_dir=ARCHIVES

A quick look that decodes no image. Exits with 1 when an archive of the full
benchmark is missing or is not the complete data set, and names each.
"""

from collections.abc import Sequence

from absl import flags

from data_builders import registry, survey
from dimn_tf import errors
from experiments import launch, path_flags

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    path_flags.define_path(
        "manual_dir", "data/archives", "Folder of the raw archives, as published."
    )


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width: the first and the last to the left, others right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def text(line):
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        cells[0], cells[-1] = line[0].ljust(widths[0]), line[-1]
        return "  ".join(cells)

    return "\n".join(text(line).rstrip() for line in lines)


def _sources(surveys: Sequence[survey.Survey]) -> str:
    rows = []
    sums = [0, 0, 0, 0]
    for found in surveys:
        known, counts = found.facts, found.counts
        figures = [
            known.identities,
            known.images,
            counts.identities if counts else None,
            counts.images if counts else None,
        ]
        sums = [
            total + (value or 0) for total, value in zip(sums, figures, strict=True)
        ]
        rows.append([known.title, *map(_number, figures), found.state])
    rows.append(["sum", *map(_number, sums), ""])
    header = ["source", "identities", "images", "found ids", "found images", "archive"]
    return _table(header, rows)


def _targets(surveys: Sequence[survey.Survey]) -> str:
    def cells(row):
        if row is None:
            return ["-"] * 4
        return [
            _number(row.probe_identities),
            _number(row.gallery_identities),
            _number(row.probe_images),
            _number(row.gallery_images),
        ]

    rows = [
        [s.facts.title, *cells(s.facts.table_row), *cells(s.row), s.state]
        for s in surveys
    ]
    names = ["probe ids", "gallery ids", "probes", "gallery"]
    header = ["target", *names, *(f"found {name}" for name in names), "archive"]
    return _table(header, rows)


def main(_):
    names = registry.benchmark()
    surveys = [survey.look(name, FLAGS.manual_dir) for name in names]
    by_role = {
        role: [s for s in surveys if s.facts.role == role]
        for role in ("source", "target")
    }
    print("Table 1 of the paper, and what the archives hold\n")
    print(_sources(by_role["source"]))
    print()
    print(_targets(by_role["target"]))
    print()
    for found in surveys:
        if found.faults and not found.stops:
            print("optional: " + "\n".join(found.faults))
    stopping = [fault for found in surveys if found.stops for fault in found.faults]
    if stopping:
        raise errors.DataError(
            f"{len(stopping)} of {len(names)} archives are missing or not complete:\n"
            + "\n".join(f"  {fault}" for fault in stopping)
        )
    print("All archives that the benchmark needs are complete.")


if __name__ == "__main__":
    launch.launch(define, main)
