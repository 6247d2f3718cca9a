"""The rows are the paper's, and each can be trained."""

import dataclasses

import pytest

from dimn_tf import methods
from dimn_tf.comparison import rows
from dimn_tf.evaluation import paper_results
from dimn_tf.training import recipe


def test_the_tables_rows_are_the_papers_in_its_order():
    assert list(rows.TABLE_2) == [
        "aggregation",
        "pcb",
        "aligned_reid",
        "ppa",
        "reptile",
        "mldg",
        "crossgrad",
        "dimn",
    ]
    assert list(rows.TABLE_7) == [
        "dimn_no_memory",
        "dimn_no_running_average",
        "dimn_no_logit_triplet",
        "dimn",
    ]
    for name, row in {**rows.TABLE_2, **rows.TABLE_7}.items():
        assert row.paper == name and paper_results.paper_mean(name)


@pytest.mark.parametrize("name", {**rows.TABLE_2, **rows.TABLE_7})
def test_a_single_run_of_a_row_stands_over_the_same_row_of_the_paper(name):
    recorded = recipe.from_values(rows.ROWS[name].options).recorded()
    method = rows.ROWS[name].method
    assert paper_results.row_of(method, recorded) == rows.ROWS[name].paper


def test_every_registered_method_is_a_row():
    """So that a new one joins by its registration line."""
    assert set(methods.METHODS) <= set(rows.ROWS)
    assert {row.method for row in rows.ROWS.values()} == set(methods.METHODS)


@pytest.mark.parametrize("name", rows.ROWS)
def test_a_row_is_a_recipe_that_takes_all_its_options(name):
    options = rows.ROWS[name].options
    found = recipe.from_values(options).recorded()
    assert {key: found[key] for key in options} == dict(options)


@pytest.mark.parametrize("name", [n for n, row in rows.ROWS.items() if n != row.method])
def test_a_variant_differs_from_its_method_in_what_its_name_says(name):
    row = rows.ROWS[name]
    own = recipe.from_values({"method": row.method}).recorded()
    found = recipe.from_values(row.options).recorded()
    differing = {key: (own[key], found[key]) for key in own if own[key] != found[key]}
    assert (
        differing
        == {
            "dimn_no_memory": {"memory_bank": (True, False)},
            "dimn_no_running_average": {"running_average": (0.5, 1.0)},
            "dimn_no_logit_triplet": {"triplet_weight": (1.0, 0.0)},
            "dimn_mixed_domains": {"domain_sampling": ("uniform", "all")},
            "aggregation_one_domain": {"domain_sampling": ("all", "uniform")},
            "reptile_identities": {"reptile_head": ("task", "identities")},
        }[name]
    )


@pytest.mark.parametrize("name", rows.ROWS)
def test_a_row_is_told_by_its_runs_flags(name):
    found = recipe.from_values(rows.ROWS[name].options).recorded()
    assert rows.names_of({**found, "seed": 5}) == [name]


def test_a_run_may_be_two_rows_at_once_or_none():
    both = {"method": "dimn", "memory_bank": False, "triplet_weight": 0}
    assert rows.names_of(both) == ["dimn_no_memory", "dimn_no_logit_triplet"]
    assert rows.names_of({"method": "another"}) == []


def test_a_row_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        rows.ROWS["dimn"].label = "other"
