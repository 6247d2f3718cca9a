"""The card prints figures of the model's own checkpoint, or says that it has none."""

import pytest

from dimn_tf.export import model_card

MEAN = {"mean": 12.3}


def _metadata(**changes):
    return {
        "method": "dimn",
        "version": 3,
        "input_height": 256,
        "input_width": 128,
        "flags": {"encoder": "e", "encoder_width": 1.4, "sources": ["a", "b"]},
        "dimension": 1792,
        "num_identities": 18530,
        "step": 4000,
        "formats": ["saved_model"],
        "checkpoint_sha256": "ab" * 32,
        "licences": ["a: its terms."],
        "versions": {"tensorflow": "2"},
        **changes,
    }


def _results(step):
    row = {"trials": 10, "probes": 316, "gallery": 316}
    row.update({name: MEAN for name in ("rank1", "rank5", "rank10", "mAP")})
    return {"step": step, "targets": {"viper": row}}


def _thresholds(step):
    return {
        "step": step,
        "measure": "likeness",
        "thresholds": [
            {"one_in": 1000, "refused": "too few pairs"},
            {
                "one_in": 100,
                "score": 0.5,
                "interval": [0.4, 0.6],
                "true_accept_rate": 0.75,
            },
        ],
    }


def test_the_encoder_is_told_with_what_it_does_beyond_its_kind():
    assert "| encoder | e, width 1.4 |\n" in model_card.model_card(_metadata())
    flags = {**_metadata()["flags"], "feature_neck": False, "mirror": False}
    card = model_card.model_card(
        _metadata(flags={**flags, "instance_norm_through": ""})
    )
    assert "| encoder | e, width 1.4 |\n" in card
    more = {"instance_norm_through": "stem", "feature_neck": True, "mirror": True}
    card = model_card.model_card(_metadata(flags={**flags, **more}))
    assert (
        "| encoder | e, width 1.4, instance norm through stem, neck, mean of an "
        "image's feature and its mirror image's |"
    ) in card


def test_what_it_started_from_is_told():
    assert "--init_from" not in model_card.model_card(_metadata(trained_before=[]))
    card = model_card.model_card(_metadata(trained_before=[["c", "d"], None]))
    assert "| before, by --init_from | c, d |" in card
    assert "| before, by --init_from | data that nothing tells |" in card


@pytest.mark.parametrize(
    ("roles", "elsewhere", "research"),
    [
        (["source"], True, True),
        (["source", "synthetic"], True, True),
        (["target"], True, True),
        (["synthetic"], True, False),
        (["own"], False, False),
        (["own", "synthetic"], False, False),
        (["own", "source"], False, True),
        (["few_shot", "own"], False, True),
    ],
)
def test_what_is_said_of_its_data_goes_by_what_it_is(roles, elsewhere, research):
    card = model_card.model_card(_metadata(source_roles=roles))
    assert ("never on the place where it is used" in card) is elsewhere
    assert ("own crops among them" in card) is ("own" in roles)
    assert ("non-commercial research" in card) is research
    assert ("were trained on data of these terms:" in card) is not research


def test_nothing_is_claimed_of_data_that_nothing_tells():
    card = model_card.model_card(_metadata(source_roles=["source", "unknown"]))
    assert "sources below, and before on data that nothing tells." in card
    assert "never on the place" not in card and "terms are not known" in card
    assert "never on the place" in model_card.model_card(_metadata())


def test_figures_of_the_models_step():
    card = model_card.model_card(
        _metadata(results=_results(4000), thresholds=_thresholds(4000))
    )
    assert "# dimn, version 3" in card and "resized to 256x128" in card
    assert "| dimension of its vectors | 1,792 |" in card
    assert "| viper | 12.3 | 12.3 | 12.3 | 12.3 | 10 x 316 / 316 |" in card
    assert "| 1 in 100 | 0.5000 | 0.4000 to 0.6000 | 75.0 % |" in card
    assert "| 1 in 1,000 | too few pairs | | |" in card
    told = _thresholds(4000)
    told["thresholds"][1] |= {"interval": None, "interval_refused": "too few people"}
    card = model_card.model_card(_metadata(thresholds=told))
    assert "| 1 in 100 | 0.5000 | too few people | 75.0 % |" in card


def test_tables_are_whole_and_what_was_trained_on_is_said():
    results = _results(4000)
    seen = {"persons": 3, "of_persons": 9, "images": 4, "of_images": 20}
    results["targets"]["own"] = {
        **results["targets"]["viper"],
        "seen_in_training": seen,
    }
    card = model_card.model_card(
        _metadata(results=results, thresholds=_thresholds(4000))
    )
    (own,) = [line for line in card.splitlines() if line.startswith("| own")]
    assert "TRAINED ON 3 of its 9 persons and 4 of its 20 images" in own
    assert card.count("TRAINED ON") == 1
    columns = [
        {line.count("|") for line in table.splitlines()}
        for table in card.split("\n\n")
        if table.startswith("|")
    ]
    assert columns == [{3}, {7}, {5}]


def test_probes_that_are_counted_apart_are_said():
    results = _results(4000)
    results["targets"]["viper"]["unmatched_probes"] = 7
    card = model_card.model_card(_metadata(results=results))
    (row,) = [line for line in card.splitlines() if line.startswith("| viper")]
    assert "10 x 316 / 316; 7 of the probes have no match, counted apart |" in row


@pytest.mark.parametrize("step", [3999, None])
def test_figures_of_another_step_are_not_printed(step):
    card = model_card.model_card(
        _metadata(results=_results(step), thresholds=_thresholds(step))
    )
    assert "12.3" not in card and "0.5000" not in card
    told = f"None of this model: those found are of step {step}, the model is of step"
    assert card.count(told) == 2


def test_no_figures():
    card = model_card.model_card(_metadata(results=None))
    assert "None: the run has no results.json" in card
    assert "None: the run was not calibrated" in card
