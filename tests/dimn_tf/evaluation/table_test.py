"""The printed table."""

import pytest

from dimn_tf.evaluation import results, table


def cell(mean, std=0.5):
    return {"mean": mean, "std": std}


def row(value):
    metrics = {
        m: cell(value + i) for i, m in enumerate(("rank1", "rank5", "rank10", "mAP"))
    }
    return metrics | {
        "trials": 10, "probes": 316, "gallery": 649,
        "diagnosis": {"euclidean": metrics, "cosine": metrics},
    }  # fmt: skip


def figures(method, targets):
    mean = {m: 33.3333 for m in ("rank1", "rank5", "rank10", "mAP")}
    return {
        "method": method,
        "targets": {name: row(10 * (i + 1)) for i, name in enumerate(targets)},
        "mean": mean,
        "diagnosis_mean": {"euclidean": mean, "cosine": mean},
    }


def test_four_targets_with_the_papers_rows():
    text = table.table(figures("dimn", ["viper", "prid", "grid", "ilids"]))
    lines = text.splitlines()
    assert max(map(len, lines)) < 120
    viper = lines.index(next(x for x in lines if x.startswith("viper")))
    assert lines[viper].split() == [
        "viper", "10.00", "±", "0.50", "11.00", "±", "0.50", "12.00", "±", "0.50",
        "13.00", "±", "0.50", "10", "x", "316", "/", "649",
    ]  # fmt: skip
    assert lines[viper + 1].split() == ["paper", "51.23", "70.19", "75.98", "60.12"]
    assert lines[viper + 2].split()[:2] == ["features,", "euclidean"]
    assert lines[viper + 3].split()[:2] == ["features,", "cosine"]
    mean = lines.index(next(x for x in lines if x.startswith("mean of 4")))
    assert lines[mean].split()[4:] == ["33.33"] * 4
    paper = lines[mean + 1].split()  # rank-1 and mAP as followers derived them
    assert (paper[0], paper[1], paper[4]) == ("paper", "47.47", "57.89")
    assert text.count("paper") == 5


def test_columns_stand_beneath_each_other():
    lines = table.table(figures("dimn", ["viper", "prid"])).splitlines()
    points = {tuple(i for i, c in enumerate(x) if c == ".")[:1] for x in lines[2:]}
    assert len(points) == 1


def test_rows_the_paper_lacks_are_left_out():
    assert "paper" not in table.table(figures("histogram", ["viper", "prid"]))
    some = table.table(figures("dimn", ["viper", "synthetic_reid/night"]))
    assert some.count("paper") == 1  # VIPeR's, and no mean of other targets


def test_one_target_has_no_mean():
    assert "mean of" not in table.table(figures("dimn", ["viper"]))


def test_takes_what_results_make(made_up_results):
    text = table.table(results.figures_of(made_up_results(["viper", "prid"]), "dimn"))
    assert "viper" in text and "3 x 20 / 20" in text


def test_the_mean_has_its_diagnosis_and_long_names_their_room():
    name = "synthetic_reid/" + "x" * 30
    made = figures("dimn", ["viper", name])
    made["diagnosis_mean"] = {
        "euclidean": {m: 44.4444 for m in made["mean"]},
        "cosine": {m: 55.5555 for m in made["mean"]},
    }
    lines = table.table(made).splitlines()
    assert lines[-2].split() == ["features,", "euclidean", *["44.44"] * 4]
    assert lines[-1].split() == ["features,", "cosine", *["55.56"] * 4]
    (long,) = [line for line in lines if line.startswith(name)]
    assert long.startswith(f"{name}   20.00")  # Two spaces, and one of the number's.


def test_remarks_stand_beneath_their_target():
    made = figures("histogram", ["synthetic_reid/plaza", "viper"])
    made["targets"]["synthetic_reid/plaza"] |= {
        "unmatched_probes": 7,
        "seen_in_training": {
            "persons": 1_200, "of_persons": 1_300, "images": 4, "of_images": 5_000,
        },
        "trials_source": "drawn by seed 3",
    }  # fmt: skip
    lines = table.table(made).splitlines()
    assert lines[2].endswith(
        "10 x 316 / 649; 7 of the probes have no match, counted apart"
    )
    assert lines[3] == (
        "  TRAINED ON 1,200 of its 1,300 persons and 4 of its 5,000 images"
    )
    assert lines[4] == "  trials: drawn by seed 3"
    assert lines[5].startswith("  features, euclidean")
    assert lines[7].startswith("viper") and lines[8].startswith("  features, eucl")
    (mean,) = [line for line in lines if line.startswith("mean of 2 targets")]
    assert mean.endswith("33.33         1 of them TRAINED ON")


@pytest.mark.parametrize(
    ("flags", "viper", "mean"),
    [  # Table 7's rank-1 on VIPeR, and of the four (45.44 + 37.1 + 30.08 + 69) / 4, ...
        ({"memory_bank": False}, "45.44", "45.41"),
        ({"running_average": 1.0}, "50.03", "46.17"),
        ({"triplet_weight": 0.0}, "49.53", "46.45"),
        ({"triplet_weight": 0.8, "running_average": 0.5}, "51.23", "47.47"),
    ],
)
def test_dimn_without_a_part_stands_over_that_row_of_the_paper(flags, viper, mean):
    made = figures("dimn", ["viper", "prid", "grid", "ilids"]) | {"flags": flags}
    lines = [x.split() for x in table.table(made).splitlines() if "paper" in x]
    assert len(lines) == 5
    assert (lines[0][1], lines[-1][1]) == (viper, mean)


def test_dimn_without_two_parts_stands_over_none():
    flags = {"memory_bank": False, "triplet_weight": 0.0}
    made = figures("dimn", ["viper", "prid", "grid", "ilids"]) | {"flags": flags}
    assert "paper" not in table.table(made)
