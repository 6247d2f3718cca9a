"""Where results go: none is replaced by another thing's result."""

import json
import subprocess
import sys
import types

import pytest

from dimn_tf import errors
from dimn_tf.evaluation import results_files, untrained_start


def _targets(images=None, **hashes):
    return [
        types.SimpleNamespace(name=name, trials_sha256=value, images_sha256=images)
        for name, value in hashes.items()
    ]


def _written(path, step=10, method="dimn", unmatched="refuse", images=None, **hashes):
    told = {"images_sha256": images} if images else {}
    figures = {
        "method": method,
        "step": step,
        "flags": {"unmatched_probes": unmatched},
        "targets": {n: {"trials_sha256": x, **told} for n, x in hashes.items()},
    }
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(json.dumps(figures))
    return path


def _place(path, targets, name="dimn", step=10, unmatched="refuse", **more):
    return results_files.place(path, targets, name, step, unmatched, **more)


def test_the_usual_place_where_it_is_free_or_holds_the_same(tmp_path):
    path = tmp_path / "results.json"
    assert _place(path, _targets(viper="a", prid="b")) == path
    _written(path, viper="a", prid="b")
    assert _place(path, _targets(prid="b", viper="a")) == path


@pytest.mark.parametrize(
    ("targets", "more"),
    [
        (_targets(viper="a"), {}),
        (_targets(viper="a", prid="c"), {}),
        (_targets(viper="a", prid="b", grid="d"), {}),
        (_targets(viper="a", prid="b"), {"step": 9}),
        (_targets(viper="a", prid="b"), {"name": "aggregation"}),
        (_targets(viper="a", prid="b"), {"unmatched": "apart"}),
        (_targets(viper="a", prid="b"), {"mirror": True}),
    ],
)
def test_other_targets_trials_steps_methods_go_elsewhere(tmp_path, targets, more):
    path = _written(tmp_path / "results.json", viper="a", prid="b")
    found = _place(path, targets, **more)
    assert found.parent == tmp_path / "evaluations"
    assert "viper" in found.name and found.suffix == ".json"
    # The same thing again has the same place.
    assert _place(path, targets, **more) == found


def test_all_that_differ_have_places_of_their_own(tmp_path):
    path = _written(tmp_path / "results.json", viper="a")
    found = {
        _place(path, _targets(viper="b")),
        _place(path, _targets(viper="c")),
        _place(path, _targets(viper="b"), step=9),
        _place(path, _targets(viper="b"), unmatched="apart"),
        _place(path, _targets(viper="b"), name="aggregation"),
        _place(path, _targets(viper="b"), mirror=True),
    }
    assert len(found) == 6


def test_results_on_other_labels_go_elsewhere_each_to_its_own_place(tmp_path):
    path = _written(tmp_path / "results.json", images="old", own="a")
    assert _place(path, _targets("old", own="a")) == path
    new, newer = (_place(path, _targets(x, own="a")) for x in ("new", "newer"))
    assert len({path, new, newer}) == 3
    _written(new, images="new", own="a")
    assert _place(path, _targets("new", own="a")) == new
    assert _place(path, _targets("newer", own="a")) == newer
    # Whoever does not tell holds the same, as before.
    assert _place(path, _targets(own="a")) == path
    _written(path, own="a")
    assert _place(path, _targets("new", own="a")) == path


def _started(**values):
    return untrained_start.Start(values, {"encoder_width": 1.0, "seed": 0})


def _untrained(path, **flags):
    """A result of an untrained start."""
    _written(path, step=0, viper="a")
    figures = json.loads(path.read_text())
    figures["flags"].update(flags)
    path.write_text(json.dumps(figures))


def test_untrained_results_of_other_starts_go_elsewhere_each_to_its_own(tmp_path):
    usual = tmp_path / "results_initial.json"
    asked = {"targets": _targets(viper="a"), "step": 0}
    _untrained(usual, encoder_width=1.0, seed=0)
    assert _place(usual, **asked, start=_started(encoder_width=1.0)) == usual
    places = set()
    for values in ({"encoder_width": 0.35}, {"encoder_width": 0.5}, {"seed": 1}):
        found = _place(usual, **asked, start=_started(**values))
        assert found.parent == tmp_path / "evaluations"
        places.add(found)
        _untrained(found, **values)
        assert _place(usual, **asked, start=_started(**values)) == found
    assert len(places) == 3


def test_an_untrained_result_by_its_older_name_is_found_again(tmp_path):
    usual = _written(tmp_path / "results_initial.json", viper="another")
    asked = {"targets": _targets(viper="a", images="p"), "step": 0}
    older = _place(usual, _targets(viper="a"), step=0)
    _untrained(older, encoder_width=0.5)
    assert _place(usual, **asked, start=_started(encoder_width=0.5)) == older
    assert _place(usual, **asked, start=_started()) != older


def test_what_an_older_version_named_by_its_trials_is_found_again(tmp_path):
    path = _written(tmp_path / "results.json", viper="a")
    older = _written(_place(path, _targets(own="a")), own="a")
    assert _place(path, _targets("new", own="a")) == older
    _written(older, images="new", own="a")
    assert _place(path, _targets("new", own="a")) == older
    assert _place(path, _targets("newer", own="a")) != older


def test_labels_are_compared_where_both_tell_them():
    one, other = {"images_sha256": "a"}, {"images_sha256": "b"}
    told = results_files.labelled_otherwise
    assert told({"x": one, "y": one, "z": one}, {"x": other, "y": one}) == ["x"]
    assert told({"x": one, "y": {}}, {"x": {}, "y": one, "z": other}) == []
    assert told({"y": one, "x": one}, {"x": other, "y": other}) == ["x", "y"]


def test_the_hash_in_a_name_does_not_know_the_order_of_the_targets(tmp_path):
    path = _written(tmp_path / "results.json", viper="a")
    digests = {
        _place(path, _targets(**hashes)).stem.rpartition("_")[2]
        for hashes in ({"viper": "a", "prid": "b"}, {"prid": "b", "viper": "a"})
    }
    assert len(digests) == 1


def test_a_free_place_of_other_targets_is_left_alone(tmp_path):
    path = tmp_path / "results.json"
    found = _place(path, _targets(**{"reid_folder:a/b?camera=(x)": "a"}), own=False)
    assert found.parent == tmp_path / "evaluations"
    assert "/" not in found.name.replace("\\", "/") and "?" not in found.name


def test_what_is_no_result_is_not_replaced(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("notes")
    with pytest.raises(errors.UserError, match="is no results file"):
        _place(path, _targets(viper="a"))
    assert path.read_text() == "notes"


def test_names_of_files_are_short_and_plain():
    assert results_files.file_name_of("a/b?c=(d)") == "a_b_c_d_"
    assert results_files.file_name_of("viper") == "viper"
    assert len(results_files.file_name_of("x" * 81)) == 80
    assert results_files.file_name_of("日" * 99) == "日" * 26  # 3 bytes each.
    assert results_files.file_name_of("b\udcf6c") == "b_c"


def test_a_place_has_a_name_that_file_systems_take(tmp_path):
    path = tmp_path / "results.json"
    found = _place(path, _targets(**{f"reid_folder:{'日' * 300}": "a"}), own=False)
    assert len(found.name.encode()) < 150


def test_a_result_in_evaluations_has_its_neighbours_there(tmp_path):
    path = _written(tmp_path / "evaluations" / "results_0000010.json", viper="a")
    found = _place(path, _targets(viper="b"))
    assert found.parent == path.parent and found != path
    assert "_0000010_viper_" in found.name


def _probes(path, *rows):
    lines = [",".join(results_files.PROBE_COLUMNS), *rows]
    results_files.probes_path(path).write_text("\n".join(lines) + "\n")
    return results_files.read_probes(path)


@pytest.mark.parametrize(
    "row",
    [
        "viper,t,p,1,0.5",
        "viper,t,p,1,much,1",
        "viper,t,p,1,0.5,1,2",
        "viper,t,p,1,1.5,1",
        "viper,t,p,1,-0.5,1",
    ],
)
def test_damaged_rows_of_probes_are_named(tmp_path, row):
    path = tmp_path / "results.json"
    whole = "viper,t,p,1,1.0,1", "viper,t,q,1,,", "viper,t,r,1,0.000000,4000000"
    assert len(_probes(path, *whole)) == 3
    with pytest.raises(
        errors.UserError, match="results_probes.csv is damaged: its row 4"
    ):
        _probes(path, *whole, row)


@pytest.mark.parametrize(
    "figures",
    [
        {"targets": []},
        {"targets": {"viper": 3}},
        {"targets": None},
        {},
        {"targets": {}, "flags": []},
        [],
    ],
)
def test_figures_of_another_form_are_no_results(tmp_path, figures):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(figures))
    with pytest.raises(errors.UserError, match="results.json is no results file"):
        results_files.read(path)


def test_json_nested_beyond_reading_is_no_results_file(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("[" * 100_000)
    with pytest.raises(errors.UserError, match="results.json is no results file"):
        results_files.read(path)


def test_two_runs_are_compared_without_tensorflow():
    """In an interpreter of its own: here, other tests have imported it."""
    code = (
        "import sys; from dimn_tf.evaluation import bootstrap; "
        "print([m for m in sys.modules if m.startswith('tensorflow')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "[]\n", run.stderr


def test_only_json_has_neighbours_of_its_own():
    """`eval.trained` and `eval.initial` shared one file of probes, `results` had
    that of results.json."""
    for name in ("results.json", "a/b.c.json"):
        results_files.refuse_other_ending(name)
    for name, told in (
        (
            "w/eval.trained",
            r"^w/eval\.trained: found the ending \.trained, expected \.js",
        ),
        ("results", r"^results: found no ending, expected \.json.*results\.json$"),
        (".json", "found no ending"),
        ("results.JSON", "found the ending .JSON"),
    ):
        with pytest.raises(errors.UserError, match=told):
            results_files.refuse_other_ending(name)


APS = {"viper": [0.5, 0.25], "prid": [1.0, 0.0]}
FIGURES = {
    "targets": {"viper": {"mAP": {"mean": 37.5}}, "prid": {"mAP": {"mean": 50.0}}}
}


def _rows(aps, trials=("t",)):
    return [
        dict(
            zip(
                results_files.PROBE_COLUMNS,
                (target, trial, f"{i}.png", str(i), str(ap), "1"),
                strict=True,
            )
        )
        for target, values in aps.items()
        for trial in trials
        for i, ap in enumerate(values)
    ]


def test_probes_give_the_figures_map_trial_by_trial():
    results_files.refuse_other_probes(FIGURES, _rows(APS))
    results_files.refuse_other_probes(FIGURES, _rows(APS, ("t", "u")))
    # A mean of trials' means: 0.75 of one probe, 0 of two; without a match: not there.
    uneven = _rows({**APS, "viper": [0.75]}) + _rows({"viper": [0, 0, ""]}, ("u",))
    results_files.refuse_other_probes(FIGURES, uneven)
    results_files.refuse_other_probes(FIGURES, uneven + _rows({"viper": [""]}, ("v",)))


@pytest.mark.parametrize(
    ("aps", "told"),
    [
        ({**APS, "prid": [0.9, 0.0]}, "prid an mAP of 45.00, it says 50.00"),
        ({"viper": APS["viper"]}, "prid an mAP of nan"),
        ({**APS, "grid": [0.5]}, "have grid too"),
    ],
)
def test_others_probes_are_refused(aps, told):
    with pytest.raises(errors.UserError, match=told):
        results_files.refuse_other_probes(FIGURES, _rows(aps))


@pytest.mark.parametrize("row", [{}, {"mAP": 50}, {"mAP": {"mean": "much"}}])
def test_figures_without_an_map_are_no_probes_figures(row):
    with pytest.raises(errors.UserError, match="it says nan"):
        results_files.refuse_other_probes({"targets": {"viper": row}}, _rows(APS))
