"""The builders' readers find in made-up archives what the facts say."""

import contextlib
import dataclasses

import pytest

from data_builders import comparison, registry, survey
from data_builders.archives import open_archive
from data_builders.grid import folds as grid_folds
from dimn_tf import errors
from dimn_tf.evaluation.protocols import shipped
from experiments.benchmarks.rehearsal import (
    archives,
    cuhk03,
    cuhk_sysu,
    image_folders,
    packing,
)


def _facts(name, **values):
    return dataclasses.replace(registry.facts(name), **values)


@contextlib.contextmanager
def _reader(name, path):
    with contextlib.ExitStack() as resources:
        archive = resources.enter_context(open_archive(path))
        yield registry.builder_class(name).open_reader(archive, resources)


def _check(name, path, facts):
    """Compares all counts, and reads every image; returns the entries by split."""
    assert path.name in facts.archives
    with _reader(name, path) as reader:
        assert comparison.compare(reader, facts) == []
        for split, entries in reader.entries.items():
            assert [entry for entry, _ in reader.images(split)] == entries
        return reader.entries


def test_cuhk02(tmp_path):
    persons = {"p1": 4, "p2": 1, "p3": 2, "p4": 1, "p5": 1}
    facts = _facts(
        "cuhk02",
        identities=9,
        images=36,
        split_images={split: 4 * count for split, count in persons.items()},
        split_identities=persons,
    )
    path = image_folders.write_cuhk02(tmp_path, facts=facts)
    entries = _check("cuhk02", path, facts)
    assert {entry.camera_id for entry in entries["p2"]} == {3, 4}


def test_cuhk03(tmp_path):
    facts = _facts(
        "cuhk03",
        identities=9,
        images=70,
        split_images={"detected": 70, "labeled": 69},
        split_identities={"detected": 9, "labeled": 9},
    )
    path = cuhk03.write(tmp_path, facts=facts, pair_persons=(4, 2, 1, 1, 1))
    entries = _check("cuhk03", path, facts)
    assert {entry.camera_id for entry in entries["detected"]} == set(range(1, 11))
    assert list(tmp_path.iterdir()) == [path]


def test_cuhk03_persons_are_of_all_pairs():
    assert sum(cuhk03.PAIR_PERSONS) == registry.facts("cuhk03").identities


def test_dukemtmc_reid(tmp_path):
    facts = _facts(
        "dukemtmc_reid",
        identities=7,
        images=45,
        split_images={"train": 20, "query": 5, "gallery": 20},
        split_identities={"train": 3, "query": 2, "gallery": 4},
    )
    path = image_folders.write_dukemtmc_reid(tmp_path, facts=facts)
    _check("dukemtmc_reid", path, facts)


def test_market1501(tmp_path):
    """By hand: 60 images less 50 of persons is 10: 6 of junk, 4 distractors."""
    facts = _facts(
        "market1501",
        identities=7,
        images=50,
        split_images={"train": 20, "query": 5, "gallery": 35},
        split_identities={"train": 3, "query": 4, "gallery": 4},
    )
    path = image_folders.write_market1501(tmp_path, facts=facts, junk=6)
    entries = _check("market1501", path, facts)
    persons = [entry.person_id for entry in entries["gallery"]]
    assert (persons.count(-1), persons.count(0)) == (6, 4)


def test_cuhk_sysu(tmp_path):
    facts = _facts(
        "cuhk_sysu",
        identities=9,
        images=40,
        split_images={"persons": 40},
        split_identities={"persons": 9},
    )
    path = cuhk_sysu.write(tmp_path, facts=facts, frames=15)
    with open_archive(path) as archive:
        assert sum(name.endswith(".jpg") for name in archive.names) == 15
    _check("cuhk_sysu", path, facts)


@pytest.mark.parametrize("name", ["viper", "prid", "grid", "ilids"])
def test_targets_at_their_full_counts(tmp_path, name):
    facts = registry.facts(name)
    path = archives.MAKERS[name](tmp_path)
    assert path.name in facts.archives
    with _reader(name, path) as reader:
        assert comparison.compare(reader, facts) == []
        assert registry.builder_class(name).trial_row(reader) == facts.table_row
        names = {
            entry.file_name.rpartition(".")[0]
            for entries in reader.entries.values()
            for entry in entries
        }
        if name == "grid":
            persons = reader.persons("probe")
            folds = reader.metadata[grid_folds.METADATA_KEY]
            grid_folds.check_folds(folds, persons, path, fold_persons=125)
            return
    for trial in shipped.shipped_list(name):
        assert {image for pair in trial.pairs for image in pair} <= names
        assert set(trial.distractors) <= names


def test_a_makers_folder_must_be_empty(tmp_path):
    (tmp_path / "CUHK02.zip").write_bytes(b"mine")
    with pytest.raises(errors.UserError, match="not empty"):
        archives.write_all(tmp_path)
    assert (tmp_path / "CUHK02.zip").read_bytes() == b"mine"


def test_there_is_a_maker_for_each_archive_of_the_benchmark():
    assert archives.MAKERS.keys() == set(registry.benchmark())


@pytest.mark.slow
def test_all_archives_are_complete(tmp_path):
    """At the paper's full counts; the command builds and trains on them too."""
    archives.write_all(tmp_path / "archives", packing.TINY, log=lambda line: None)
    for name in archives.MAKERS:
        found = survey.look(name, tmp_path / "archives")
        assert (found.state, found.faults) == ("complete", ()), name
        assert found.row == found.facts.table_row
        assert found.counts.identities == found.facts.identities
