"""A run's recipe from its record, which anybody may have edited."""

import json

import pytest

from dimn_tf import errors
from dimn_tf.training import recipe, workdir
from tests.dimn_tf.training import tiny_run

FOUND = {"num_identities": 3, "sources_sha256": "ab", "images_per_step": 8}


@pytest.fixture
def run(tmp_path):
    """A work directory with a record."""
    directory = workdir.WorkDir(tmp_path)
    workdir.claim(directory, tiny_run.recipe_of().recorded(), FOUND)
    return directory


def test_the_record_gives_the_recipe_back(run):
    assert recipe.of_run(run).recorded() == tiny_run.recipe_of().recorded()
    changed = recipe.of_run(run, encoder_width=0.5)
    assert changed.recorded() == tiny_run.recipe_of(encoder_width=0.5).recorded()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("method", None, "--method=None: no such method"),
        ("method", {}, "no such method"),
        ("train_steps", "4", "--train_steps=4: expected a whole number"),
        ("image_height", 32.5, "--image_height=32.5: expected a whole number"),
        ("image_height", None, "expected a whole number"),
        ("image_height", True, "expected a whole number"),
        ("weight_decay", "0", "--weight_decay=0: expected a number"),
        ("weight_decay", float("nan"), "--weight_decay=nan: expected at least 0"),
        ("memory_bank", 1, "--memory_bank=1: expected true or false"),
        ("encoder", 1, "--encoder=1: expected text"),
        ("augment_flip", [], r"--augment_flip=\[\]: expected a number"),
        ("sources", "cuhk02", "--sources=cuhk02: a list was expected"),
        ("sources", 3, "--sources=3"),
        ("no_such_flag", 3, "--no_such_flag: there is no such flag"),
    ],
)
def test_what_no_training_wrote_is_told_with_the_file(run, name, value, said):
    values = json.loads(run.config.read_text()) | {name: value}
    run.config.write_text(json.dumps(values))
    with pytest.raises(errors.UserError, match=f"config.json: .*{said}"):
        recipe.of_run(run)
