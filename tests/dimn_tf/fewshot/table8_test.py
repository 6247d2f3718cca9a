"""Table 8: what is there, what is quoted, what is refused."""

import json

import pytest

from dimn_tf import drawing, errors, fewshot
from dimn_tf.fewshot import plot, row_files, table8, table_notes
from tests.dimn_tf.fewshot import made_up


def test_rows_are_gathered_by_method_and_shots(tmp_path):
    assert row_files.gather(tmp_path) == {}
    for shots in (1, 5):
        made_up.write_row(tmp_path, "dimn", shots, accuracy=40.0 + shots)
    made_up.write_row(tmp_path, "maml", 5, filters=32, statistics="episode")
    found = row_files.gather(tmp_path)
    assert {m: list(rows) for m, rows in found.items()} == {
        "maml": ["5"],
        "dimn": ["1", "5"],
    }
    record = table8.record(found, "a command")
    assert record["command"] == "a command" and "60 images a class" in record["note"]
    row = record["rows"]["dimn"]["5"]
    assert (row["accuracy"], row["interval"], row["episodes"]) == (45.0, 0.5, 1000)
    assert "per_episode" not in row
    text = table8.table(found)
    lines = {line.split(" | ")[0]: line for line in text.splitlines() if "|" in line}
    told = "| 41.00 ± 0.50 | 50.74 ± 0.54 | - | 45.00 ± 0.50 | 63.13 ± 0.42 | - | conv4"
    assert told in lines["| DIMN"]
    assert "| - | 48.70 ± 1.84 | 48.70 ± 1.84 | 40.00 ± 0.50 |" in lines["| MAML"]
    told = (
        "conv4, 32 | 1x32x2 | 1,000, 15 | all queries (transductive) | 2,500 | 160,000"
    )
    assert told in lines["| MAML"]
    assert "| - | - | 49.42 ± 0.78 | - | - | 68.20 ± 0.66 |" in lines["| ProtoNet"]
    assert len(lines) == 2 + len(fewshot.METHODS)
    assert "misprint of 60.60" in text
    plot.plot(found, tmp_path / "some.png")
    assert (tmp_path / "some.png").stat().st_size > 5000


def test_what_is_to_be_said_of_a_row_stands_beneath(tmp_path):
    made_up.write_row(
        tmp_path, "matching_net", 5, flags={"dataset": "a", "matching_context": True}
    )
    made_up.write_row(tmp_path, "matching_net", 1, flags={"dataset": "a"})
    made_up.write_row(tmp_path, "maml", 1, dataset="a", cost={"minutes": 21.4})
    notes = tmp_path / row_files.NOTES_FILE
    notes.write_text('{"maml_1shot": "too few steps", "dimn_1shot": "not there"}')
    found = row_files.gather(tmp_path)
    text = table8.table(found)
    assert "* MAML, 1-shot: too few steps" in text and "not there" not in text
    assert "| Matching networks, without / with full context embeddings |" in text
    assert "| 21 | 1.5 |" in text
    lost = {"minutes": 21.4, "processes_untimed": 1}
    made_up.write_row(tmp_path, "maml", 1, dataset="a", cost=lost)
    assert "| > 21 | 1.5 |" in table8.table(row_files.gather(tmp_path))
    assert table8.record(found, "")["rows"]["maml"]["1"]["note"] == "too few steps"
    for other in ('{"maml_2shot": "a"}', '{"maml_1shot": 1}', "[]"):
        notes.write_text(other)
        with pytest.raises(errors.UserError, match="notes.json: expected texts by run"):
            row_files.gather(tmp_path)


@pytest.mark.parametrize(
    ("method", "changes", "shown", "hidden"),
    [
        ("maml", {"flags": {"maml_first_order": True}}, "63.15 ± 0.91", None),
        (
            "maml",
            {"flags": {"maml_first_order": False}},
            "| 63.11 ± 0.92 | 63.11",
            None,
        ),
        ("reptile", {"statistics": "episode"}, "65.99 ± 0.58", None),
        ("reptile", {"statistics": "query"}, "| 62.74 ± 0.37 | 62.74", "65.99"),
        ("matching_net", {"flags": {"matching_votes": "sum"}}, "51.09 ± 0.71", None),
        ("matching_net", {"flags": {"matching_votes": "attention"}}, None, "51.09 ±"),
    ],
)
def test_a_variant_stands_beside_its_own_figures(
    method, changes, shown, hidden, tmp_path
):
    if "flags" in changes:
        changes = {"flags": {"dataset": "a", **changes["flags"]}}
    made_up.write_row(tmp_path, method, 5, **changes)
    text = table8.table(row_files.gather(tmp_path))
    (line,) = (of for of in text.splitlines() if "40.00 ± 0.50" in of)
    assert shown is None or shown in line
    assert hidden is None or hidden not in line
    told = changes.get("flags", {}).get("maml_first_order", False)
    assert ("| MAML, first order |" in text) == told


@pytest.mark.parametrize(
    ("dataset", "images", "told"),
    [
        ("mini_imagenet", [600, 600], "600 images a class, as the papers have them."),
        ("mini_imagenet/partial", [600, 600], "An incomplete set, 600 images a train"),
        ("mini_imagenet/partial", [60, 60], "60 images a class: not comparable"),
    ],
)
def test_what_is_comparable_hangs_on_the_whole_set(dataset, images, told, tmp_path):
    flags = {"dataset": dataset}
    made_up.write_row(tmp_path, "dimn", 1, images_a_class=images, flags=flags)
    assert told in table8.note(row_files.gather(tmp_path))


def test_an_encoder_of_other_blocks_has_its_width_for_filters(tmp_path):
    flags = {"dataset": "a", "encoder_width": 0.35}
    # As a row of an older version has it, and as a newer one.
    for shots, filters in ((1, 22), (5, None)):
        made_up.write_row(
            tmp_path, "dimn", shots, encoder="mobilenet_v2", filters=filters,
            flags=flags,
        )  # fmt: skip
    text = table8.table(row_files.gather(tmp_path))
    assert "| mobilenet_v2, width 0.35 |" in text and "22" not in text
    assert "| encoder, filters or width |" in text


def _drawn(found, path, monkeypatch):
    """The axes of a plot."""
    with monkeypatch.context() as patch:
        kept = []
        patch.setattr(drawing, "save", lambda figure, path: kept.append(figure))
        plot.plot(found, path)
    (figure,) = kept
    return figure.axes[0]


@pytest.mark.parametrize(
    ("ways", "chance", "diamonds"), [(5, 20, 1), (10, 10, 0), (20, 5, 0)]
)
def test_heading_and_chance_are_of_the_rows_ways(
    ways, chance, diamonds, tmp_path, monkeypatch
):
    """The papers' figures are of five ways, and stand beside no others."""
    made_up.write_row(tmp_path, "dimn", 1, ways=ways)
    found = row_files.gather(tmp_path)
    text = table8.table(found)
    assert text.startswith(f"{ways}-way accuracy of unseen classes")
    assert ("50.74" in text) == ("misprint" in text) == (ways == 5)
    assert ("none stands beside these" in text) == (ways != 5)
    beside = table8.beside(found["dimn"]["1"])
    assert (beside == "Nothing is quoted for it.") == (ways != 5)
    axes = _drawn(found, tmp_path / "some.png", monkeypatch)
    lines = {label: [] for label in ("chance", "the paper's Table 8")}
    for line in axes.lines:
        if line.get_label() in lines:
            lines[line.get_label()].append(list(line.get_ydata()))
    assert lines["chance"] == [[chance, chance]]
    assert len(lines["the paper's Table 8"]) == diamonds
    assert axes.get_ylabel().startswith(f"{ways}-way")


def test_the_papers_rows_are_its_table_8():
    quoted = json.loads(table8.QUOTED.read_text())
    assert set(quoted["table_8"]) == set(fewshot.METHODS) - {"proto_net"}
    with_context = "matching_net, with full context embeddings"
    plain = {name for name in quoted["own_paper"] if "," not in name}
    assert plain == set(fewshot.METHODS) - {"dimn"}
    # Table 8's row of matching networks is the one with full context embeddings.
    assert quoted["own_paper"][with_context] == quoted["table_8"]["matching_net"]
    assert quoted["table_8"]["dimn"] == [[50.74, 0.54], [63.13, 0.42]]
    best = max(rows[0][0] for rows in quoted["table_8"].values())
    assert best == 50.74
    assert set(table8.LABELS) == set(fewshot.METHODS)


@pytest.mark.parametrize(
    ("method", "shots", "told"),
    [
        ("dimn", 5, "On miniImageNet: the paper's Table 8 63.13 ± 0.42."),
        ("proto_net", 1, "On miniImageNet: its own paper 49.42 ± 0.78."),
        (
            "meta_lstm",
            5,
            "On miniImageNet: the paper's Table 8 60.00 ± 0.71, its own paper "
            "60.60 ± 0.71.",
        ),
        ("dimn", 3, "Nothing is quoted for it."),
    ],
)
def test_a_row_is_told_beside_what_is_quoted(method, shots, told):
    whole = {"dataset": "mini_imagenet", "images_a_class": [600, 600]}
    assert table8.beside(made_up.figures(method, shots, **whole)) == told


@pytest.mark.parametrize(
    ("images", "told"),
    [([60, 60], "60 images a class: not"), ([600, 600], "An incomplete set, 600 ima")],
)
def test_a_row_of_a_part_is_not_told_beside_as_comparable(images, told):
    line = table8.beside(made_up.figures("dimn", 5, images_a_class=images))
    assert line.startswith(f"On miniImageNet: the paper's Table 8 63.13 ± 0.42. {told}")
    assert "not comparable with the papers'" in line


@pytest.mark.parametrize(
    ("flags", "start"),
    [
        ({"encoder_weights": "imagenet"}, "imagenet"),
        ({"encoder_weights": "a w.weights.h5 sha256:abc"}, "a w.weights.h5"),
        (
            {"encoder_weights": "none", "init_from": "ckpt-9 sha256:abc"},
            "another run's ckpt-9",
        ),
    ],
)
def test_a_start_that_may_have_seen_the_test_classes_is_told(flags, start, tmp_path):
    made_up.write_row(tmp_path, "dimn", 1, flags={"dataset": "a", **flags})
    by_chance = {"dataset": "a", "encoder_weights": "none", "init_from": None}
    made_up.write_row(tmp_path, "maml", 1, flags=by_chance)
    found = row_files.gather(tmp_path)
    text = table8.table(found)
    assert f"| conv4, 64, from {start} |" in text and "| conv4, 64 |" in text
    (line,) = (x for x in text.splitlines() if "may have been trained on" in x)
    assert line.startswith(f"* DIMN, 1-shot, begins from {start}: the test classes")
    record = table8.record(found, "")
    assert f"DIMN, 1-shot, begins from {start}: " in record["note"]
    assert f"The run begins from {start}: " in table8.beside(found["dimn"]["1"])
    assert "begins" not in table8.beside(found["maml"]["1"])


def test_mamls_own_code_normalises_its_queries_together():
    """Five or 25 in a batch: not each with as many others."""
    assert "others, as many as its support" not in table_notes.NOTES
    assert "normalises 5 or 25 queries together" in table_notes.NOTES


@pytest.mark.parametrize(("context", "own"), [(True, "43.56 ±"), (False, "43.40 ±")])
def test_matching_networks_stand_beside_their_own_kind(context, own, tmp_path):
    flags = {"dataset": "mini_imagenet", "matching_context": context}
    figures = made_up.figures("matching_net", 1, flags=flags)
    assert f"its own paper {own}" in table8.beside(figures)
    made_up.write_row(tmp_path, "matching_net", 1, flags=flags)
    text = table8.table(row_files.gather(tmp_path))
    (line,) = (x for x in text.splitlines() if x.startswith("| Matching"))
    assert f"| 43.56 ± 0.84 | {own}" in line


def test_full_data_are_called_so(tmp_path):
    made_up.write_row(
        tmp_path, "dimn", 1, dataset="mini_imagenet", images_a_class=[600, 600]
    )
    assert table8.note(row_files.gather(tmp_path)).startswith("600 images a class")
