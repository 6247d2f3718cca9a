"""Kept results that are cut, of another row or with others' probes are refused."""

import copy

import pytest

from dimn_tf import errors
from dimn_tf.comparison import kept_results
from dimn_tf.evaluation import results_files
from tests.dimn_tf.comparison import made_up

APS = {"viper": [0.5, 0.25], "prid": [1.0, 0.0]}


@pytest.fixture
def whole():
    return {**made_up.figures(APS, made_up.FLAGS), "cost": made_up.COST}


@pytest.mark.parametrize(
    "path",
    [
        "step",
        "flags",
        "mean.rank5",
        "targets.viper.rank10",
        "targets.prid.mAP.std",
        "targets.prid.diagnosis.cosine.mAP.mean",
        "diagnosis_mean.euclidean.mAP",
        "cost.minutes",
    ],
)
@pytest.mark.parametrize("instead", [None, float("nan"), "text", True])
def test_each_figure_of_the_tables_has_to_be_there(path, instead, whole):
    kept_results.refuse_incomplete(whole, made_up.COST)
    cut = copy.deepcopy(whole)
    *above, last = path.split(".")
    group = cut
    for key in above:
        group = group[key]
    if instead is None:
        del group[last]
    else:
        group[last] = instead
    with pytest.raises(errors.UserError, match=f"`{path}"):
        kept_results.refuse_incomplete(cut, made_up.COST)


def test_results_without_targets_are_refused(whole):
    with pytest.raises(errors.UserError, match="no target"):
        kept_results.refuse_incomplete({**whole, "targets": {}}, made_up.COST)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"method": "pcb", "seed": 1}, "it is pcb"),
        ({"method": "dimn", "memory_bank": False, "seed": 1}, "it is dimn_no_memory"),
        ({"method": "unknown", "seed": 1}, "a run of --method=unknown"),
        ({"seed": 1}, "a run of --method=None"),
        ({"method": "dimn", "seed": 0}, "of --seed=0"),
        ({"method": "dimn"}, "of --seed=None"),
    ],
)
def test_another_rows_flags_are_refused(flags, told):
    kept_results.refuse_another({"method": "dimn", "seed": 1}, "dimn", 1)
    with pytest.raises(errors.UserError, match=told):
        kept_results.refuse_another(flags, "dimn", 1)


def _probes(aps, trials=("t",)):
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


def test_probes_give_the_figures_map_trial_by_trial(whole):
    kept_results.refuse_other_probes(whole, _probes(APS))
    kept_results.refuse_other_probes(whole, _probes(APS, ("t", "u")))
    # A mean of trials' means: 0.75 of one probe, 0 of two; without a match: not there.
    uneven = _probes({**APS, "viper": [0.75]}) + _probes({"viper": [0, 0, ""]}, ("u",))
    kept_results.refuse_other_probes(whole, uneven)
    kept_results.refuse_other_probes(whole, uneven + _probes({"viper": [""]}, ("v",)))


@pytest.mark.parametrize(
    ("aps", "told"),
    [
        ({**APS, "prid": [0.9, 0.0]}, "prid an mAP of 45.00, it says 50.00"),
        ({"viper": APS["viper"]}, "prid an mAP of nan"),
        ({**APS, "grid": [0.5]}, "have grid too"),
    ],
)
def test_others_probes_are_refused(aps, told, whole):
    with pytest.raises(errors.UserError, match=told):
        kept_results.refuse_other_probes(whole, _probes(aps))
