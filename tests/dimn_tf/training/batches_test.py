"""All training images, once and in order; steps that take none."""

import numpy as np
import pytest

from dimn_tf.data import pipeline
from dimn_tf.methods import phase
from dimn_tf.training import batches, run, workdir
from tests.dimn_tf.training import tiny_run


@pytest.fixture(autouse=True)
def tiny_world(monkeypatch):
    tiny_run.keep_globals(monkeypatch)


def test_every_image_comes_with_its_label(tmp_path, monkeypatch):
    monkeypatch.setattr(
        batches, "_IMAGES_AT_A_TIME", 4
    )  # No multiple of a person's three.
    tiny_run.install()
    prepared = run.prepare(
        tiny_run.recipe_of(holdout_identities=1),
        workdir.WorkDir(tmp_path),
        data_dir="",
        log=lambda line: None,
    )
    images, labels = zip(*prepared.fed.every_image(), strict=True)
    images, labels = np.concatenate(images), np.concatenate(labels)
    assert labels.tolist() == np.repeat(np.arange(14), 3).tolist()
    for domain in prepared.space.domains:
        for label, person in enumerate(domain.person_ids, start=domain.first_label):
            rows = np.flatnonzero(domain.records.person_ids == person)
            expected = pipeline.image_dataset(
                domain.records, rows, tiny_run.HEIGHT, tiny_run.WIDTH, 3
            )
            np.testing.assert_array_equal(images[labels == label], next(iter(expected)))


def test_steps_without_images_are_numbers_and_their_iterator_ends_at_once(tmp_path):
    tiny_run.install()
    prepared = run.prepare(
        tiny_run.recipe_of(method="ppa", ppa_mapping_steps=4),
        workdir.WorkDir(tmp_path),
        data_dir="",
        log=lambda line: None,
    )
    part = phase.Phase("mapping", 4, None, takes_images=False)
    steps = prepared.fed.of(part, 6, 10)
    assert [int(batch["step"]) for batch in steps] == [6, 7, 8, 9]
    assert steps.options().autotune.enabled is False
