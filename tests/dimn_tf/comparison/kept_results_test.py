"""Kept results that are cut, of another row or with others' probes are refused."""

import copy

import pytest

from dimn_tf import errors
from dimn_tf.comparison import kept_results
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
