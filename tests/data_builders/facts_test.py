"""The known statistics against the paper's Table 1 and against each other."""

import pytest

from data_builders import registry
from data_builders.facts import TargetRow

_SOURCES = {
    "cuhk02": (1_816, 7_264),
    "cuhk03": (1_467, 14_097),
    "dukemtmc_reid": (1_812, 36_411),
    "market1501": (1_501, 29_419),
    "cuhk_sysu": (11_934, 34_574),
}
_TARGETS = {
    "viper": TargetRow(316, 316, 316, 316),
    "prid": TargetRow(100, 649, 100, 649),
    "grid": TargetRow(125, 900, 125, 1_025),
    "ilids": TargetRow(60, 60, 60, 60),
}
# Images of the archives that belong to no identity (protocols of the data sets).
_WITHOUT_IDENTITY = {"market1501": 3_819 + 2_798, "grid": 775}


def test_sources_are_those_of_table_1():
    facts = {name: registry.facts(name) for name in _SOURCES}
    assert {n: (f.identities, f.images) for n, f in facts.items()} == _SOURCES
    assert {f.role for f in facts.values()} == {"source"}
    assert sum(f.identities for f in facts.values()) == 18_530
    assert sum(f.images for f in facts.values()) == 121_765
    without_duke = [f for f in facts.values() if f.required]
    assert sum(f.identities for f in without_duke) == 16_718
    assert sum(f.images for f in without_duke) == 85_354


def test_targets_are_those_of_table_1():
    assert {name: registry.facts(name).table_row for name in _TARGETS} == _TARGETS
    assert {registry.facts(name).role for name in _TARGETS} == {"target"}


@pytest.mark.parametrize("name", [*_SOURCES, *_TARGETS, "mini_imagenet"])
def test_splits_add_up(name):
    facts = registry.facts(name)
    counted = [s for s in facts.split_images if facts.counts_split(s)]
    images = sum(facts.split_images[split] for split in counted)
    assert images - _WITHOUT_IDENTITY.get(name, 0) == facts.images
    assert set(facts.split_identities) == set(facts.split_images)
    most = max(facts.split_identities[split] for split in counted)
    assert most <= facts.identities <= sum(facts.split_identities[s] for s in counted)


def test_archive_names_are_those_of_one_data_set_only():
    named = (*_SOURCES, *_TARGETS, "mini_imagenet")
    names = [a for n in named for a in registry.facts(n).archives]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["market1501", "dukemtmc_reid"])
def test_training_and_test_persons_are_disjoint(name):
    facts = registry.facts(name)
    persons = facts.split_identities
    assert persons["train"] + persons["gallery"] == facts.identities
    assert persons["query"] <= persons["gallery"]


def test_pairs_of_cuhk02_and_cuhk03_add_up():
    cuhk02 = registry.facts("cuhk02")
    assert sum(cuhk02.split_identities.values()) == cuhk02.identities
    assert sum((843, 440, 77, 58, 49)) == registry.facts("cuhk03").identities


def test_of_own_data_as_such_nothing_is_known():
    facts = registry.facts("reid_folder")
    assert (facts.split_images, facts.split_identities) == ({}, {})
    assert (facts.identities, facts.images, facts.table_row) == (None, None, None)
    assert not (facts.required or facts.archives or facts.training_splits)
    assert facts.counts_split("whatever")


def test_mini_imagenet_is_that_of_ravi_and_larochelle():
    facts = registry.facts("mini_imagenet")
    assert facts.split_images == {"train": 38_400, "val": 9_600, "test": 12_000}
    assert facts.split_identities == {"train": 64, "val": 16, "test": 20}
    assert (facts.identities, facts.images) == (100, 60_000)
    assert facts.images_per_identity * facts.identities == facts.images
    assert (facts.role, facts.required, facts.table_row) == ("few_shot", False, None)
