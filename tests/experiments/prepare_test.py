"""A run's own sources are looked at only while they are what it was trained on."""

import json
import shutil

import pytest

from data_builders import dummy_images, registry
from dimn_tf import errors
from dimn_tf.data import holdout, label_space, records
from dimn_tf.evaluation import options, targets
from dimn_tf.training import run as training_run
from dimn_tf.training import trained_before, workdir
from experiments import prepare
from tests.dimn_tf.training import tiny_run
from tests.experiments.launcher import launch

SETTINGS = options.EvaluationOptions(own_trials="cameras")
HELDOUT = ("bob", "dan")


def _people(folder, names):
    dummy_images.write(folder, [f"{p}/{c}_1.png" for p in names for c in (1, 2)])


class Place:
    """A folder of people, and a run that was trained on it; two were held out."""

    def __init__(self, root):
        self.data_dir, self.folder = str(root / "tfds"), root / "crops"
        _people(self.folder, ("bob", "cara", "dan", "eve"))
        _people(root / "others", ("gil", "hal"))
        self.source, self.other = (
            rf"reid_folder:{root / name}?camera=^(\d)_" for name in ("crops", "others")
        )
        self.directory = workdir.WorkDir(root / "run")
        self.directory.root.mkdir()
        self.build()
        opened = records.load_records(self.source, self.data_dir)
        held = sorted(
            {
                int(person)
                for person, file in zip(
                    opened.person_ids, opened.file_names, strict=True
                )
                if file.startswith(HELDOUT)
            }
        )
        space = label_space.LabelSpace.build([opened], holdout={self.source: held})
        recipe = tiny_run.recipe_of(
            sources=[self.source],
            holdout_identities=2,
            encoder="conv4",
            encoder_width=1.0,
            image_height=32,
            image_width=32,
        )
        findings = {"num_identities": space.num_identities, "images_per_step": 8}
        findings["sources_sha256"] = training_run.sha256_of(space)
        workdir.claim(self.directory, recipe.recorded(), findings)
        holdout.save(self.directory.holdout, space.holdout)
        prepare.remember_places(
            self.directory, ["heldout"], self.data_dir, str(root), "none"
        )

    def build(self):
        for source in (self.source, self.other):
            registry.build(source, self.data_dir, None, log=lambda line: None)

    def gain_a_person(self):
        """Whose name comes first: the others' numbers move on."""
        _people(self.folder, ("ann",))
        self.build()

    def record(self, **values):
        """Of `config.json`; None takes one out."""
        found = json.loads(self.directory.config.read_text()) | values
        found = {name: value for name, value in found.items() if value is not None}
        self.directory.config.write_text(json.dumps(found))

    def heldout(self):
        return prepare.targets(["heldout"], self.data_dir, self.directory, SETTINGS)

    def seen(self, reference, sources=None):
        target = targets.load_target(reference, self.data_dir, SETTINGS)
        (found,) = prepare.with_seen(
            [target], sources or [self.source], self.directory, self.data_dir
        )
        return found.seen_in_training


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_people_held_out_are_those_whom_training_left_out(place):
    (target,) = place.heldout()
    names = target.records.file_names[target.trials[0].probe_indices]
    assert {name.split("/")[0] for name in names} == set(HELDOUT)
    (found,) = prepare.with_seen(
        [target], [place.source], place.directory, place.data_dir
    )
    assert found.seen_in_training is None
    assert place.seen(place.source).persons == 2


def test_own_data_that_changed_since_is_refused(place):
    place.gain_a_person()
    told = "crops.*not what the run was trained on.*sources_sha256"
    with pytest.raises(errors.UserError, match=told):
        place.heldout()
    with pytest.raises(errors.UserError, match=told):
        place.seen(place.source)
    with pytest.raises(errors.UserError, match=told):
        place.seen(place.other)


def test_calibrate_refuses_it_before_any_figure(place):
    arguments = "calibrate", f"--workdir={place.directory.root}"
    assert "no checkpoint" in launch(*arguments, code=1)  # All else is there.
    place.gain_a_person()
    told = launch(*arguments, code=1)
    assert "not what the run was trained on" in told and "a source of its own" in told
    assert not place.directory.calibration.exists()


def test_so_is_what_a_run_before_was_trained_on(place, tmp_path):
    later = workdir.WorkDir(tmp_path / "later")
    later.root.mkdir()
    later.config.write_text(json.dumps({"init_from": "ckpt-5 sha256:a"}))
    recorded = json.loads(place.directory.config.read_text())
    before = trained_before.Before(
        (place.source,),
        holdout.load(place.directory.holdout),
        recorded["sources_sha256"],
    )
    trained_before.save(later.trained_before, [before])
    target = targets.load_target(place.other, place.data_dir, SETTINGS)
    assert prepare.domains_before(later, [target], place.data_dir)
    place.gain_a_person()
    with pytest.raises(errors.UserError, match="trained_before.json has sources_sha"):
        prepare.domains_before(later, [target], place.data_dir)


def test_what_cannot_be_checked_is_as_before_and_told(place, capsys):
    """An older version's run, or one of whose sources some are not built any more."""
    place.gain_a_person()
    assert place.seen(place.source, [place.source, "cuhk02/partial"]).persons == 3
    told = capsys.readouterr().out
    assert "cuhk02/partial: trained on, and not built" in told
    assert "cannot be checked" in told
    place.record(sources_sha256=None)
    assert len(place.heldout()) == 1 and place.seen(place.other) is None


def test_sources_that_share_nothing_with_the_targets_need_not_be_there(place):
    target = targets.load_target(place.other, place.data_dir, SETTINGS)
    place.record(sources=["cuhk02", "market1501"])
    shutil.rmtree(place.folder)
    (found,) = prepare.with_seen(
        [target], ["cuhk02", "market1501"], place.directory, place.data_dir
    )
    assert found is target
