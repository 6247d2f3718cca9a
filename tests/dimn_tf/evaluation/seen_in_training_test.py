"""What of a target was trained on is counted and shown wherever its figures are."""

import functools
import shutil

import pytest

from data_builders.reid_folder import splits as own_splits
from dimn_tf import errors
from dimn_tf.data import domain, holdout, records
from dimn_tf.evaluation import options, report, results_files, seen_in_training, targets
from dimn_tf.export import model_card
from tests.dimn_tf.evaluation import colours


def _records(reference, rows):
    """Rows of (split, file name, person, camera)."""
    splits, names, persons, cameras = zip(*rows, strict=True)
    own = reference.startswith("reid_folder:")
    return records.in_memory(
        reference,
        [b""] * len(rows),
        persons,
        cameras,
        names,
        splits,
        training_splits=own_splits.trained_on(splits) if own else (),
    )


def _rows(persons, split="images"):
    return [(split, f"{p}/{c}.png", p, c) for p in persons for c in (1, 2)]


def _seen(target, *sources, **changes):
    target = targets.target_of_records(target, options.EvaluationOptions(**changes))
    domains = [domain.build_domain(source, 0, 0, 0, []) for source in sources]
    return seen_in_training.with_seen(target, domains).seen_in_training


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("market1501", "market1501/partial"),
        ("synthetic_reid/plaza", "synthetic_reid/plaza"),
        ("synthetic_reid", "synthetic_reid/plaza"),
        ("synthetic_reid/plaza", "synthetic_reid"),
        ("market1501/complete", "market1501"),
        ("reid_folder:a/crops", "reid_folder:a/x/../crops"),
    ],
)
def test_a_source_as_a_target(source, target):
    source, target = _records(source, _rows((1, 2, 3))), _records(target, _rows((2, 5)))
    # Person 2's two images, of two persons' four.
    assert _seen(target, source) == seen_in_training.Seen(1, 2, 2, 4)
    assert "TRAINED ON 1 of its 2 persons and 2 of its 4 images" in str(
        _seen(target, source)
    )


def test_strangers_of_a_gallery_are_no_persons_of_it():
    """Market-1501's distractors, all under the id 0."""
    rows = [(s, f"{s}/{p}.png", p, 1) for s in ("query", "gallery") for p in (1, 2)]
    rows += [("gallery", f"gallery/0_{i}.png", 0, 1) for i in range(3)]
    target = _records("market1501", rows)
    seen = _seen(target, _records("market1501", rows[:1]), own_trials="splits")
    assert seen == seen_in_training.Seen(1, 2, 1, 7)


def test_an_image_in_another_format_is_the_same_image_but_in_own_data():
    """CUHK03's extracted copies may be `.jpg`; from its `.mat` come `.png`."""

    def seen(one, other):
        rows = [
            (s, name.replace(".png", ".jpg"), p, c) for s, name, p, c in _rows((1,))
        ]
        return _seen(_records(other, _rows((1, 2))), _records(one, rows))

    assert seen("cuhk03/partial", "cuhk03") == seen_in_training.Seen(1, 2, 2, 4)
    assert seen("reid_folder:a/crops", "reid_folder:a/crops") is None


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("synthetic_reid/plaza", "synthetic_reid/alley"),
        ("synthetic_reid", "synthetic_reid/alley"),
        ("market1501", "dukemtmc_reid"),
        ("market1501", "market1501/other"),
        ("market1501/other", "market1501"),
        ("reid_folder:a/crops", "reid_folder:b/crops"),
    ],
)
def test_like_names_of_another_place_are_other_images(source, target):
    rows = _rows((1, 2, 3))
    assert _seen(_records(target, rows), _records(source, rows)) is None


def test_own_images_are_known_by_whichever_list_names_them():
    folder = _records("reid_folder:a/crops", _rows((1, 2)))
    rows = [(s, f"crops/{name}", 10 + p, c) for s, name, p, c in _rows((1, 2, 3))]
    listed = _records("reid_folder:a/list.csv", rows)
    assert _seen(listed, folder) == seen_in_training.Seen(2, 3, 4, 6)


@pytest.mark.parametrize("linked", ["folders", "files"])
def test_own_images_behind_links_are_the_images_that_were_trained_on(tmp_path, linked):
    """A split made of links, as `cp -rs` or a script makes it."""
    for person in ("1", "2"):
        (tmp_path / "all" / person).mkdir(parents=True)
        for camera in ("1", "2"):
            (tmp_path / "all" / person / f"{camera}.png").touch()
    test = tmp_path / "test"
    if linked == "folders":
        test.mkdir()
        (test / "2").symlink_to("../all/2")
    else:
        (test / "2").mkdir(parents=True)
        for camera in ("1", "2"):
            (test / "2" / f"{camera}.png").symlink_to(f"../../all/2/{camera}.png")
    source = _records(f"reid_folder:{tmp_path}/all", _rows((1, 2)))
    target = _records(f"reid_folder:{test}", _rows((2, 5)))
    expected = seen_in_training.Seen(1, 2, 2, 4)
    assert _seen(target, source) == expected
    # The other way about, and where the images themselves are gone.
    assert _seen(source, target) == expected
    shutil.rmtree(tmp_path / "all")
    assert _seen(target, source) == expected


def test_a_person_is_known_by_images_outside_the_trial():
    rows = [("train", f"{p}/0.png", p, 1) for p in (1, 2)]
    rows += [(s, f"{p}/{s}.png", p, 1) for p in (2, 3) for s in ("probe", "gallery")]
    own = _records("reid_folder:own.csv", rows)
    assert own.training_splits == ("train",)
    assert _seen(own, own) == seen_in_training.Seen(1, 2, 0, 4)


def test_splits_and_people_apart_are_not_seen():
    rows = [("train", f"{p}/{k}.png", p, 1) for p in (1, 2) for k in (0, 1)]
    rows += [(s, f"{p}/{s}.png", p, 1) for p in (3, 4) for s in ("probe", "gallery")]
    own = _records("reid_folder:own.csv", rows)
    assert domain.build_domain(own, 0, 0, 0, []).person_ids.tolist() == [1, 2]
    assert _seen(own, own) is None
    source = _records("synthetic_reid/plaza", _rows((1, 2, 3, 4)))
    trained = domain.build_domain(source, 0, 0, 0, holdout=[2, 3])
    heldout = targets.heldout_target(source, [2, 3])
    assert seen_in_training.with_seen(heldout, [trained]).seen_in_training is None


@pytest.mark.parametrize("protocol", ["pairs", "cameras"])
def test_own_training_images_are_not_drawn_into_trials(protocol):
    rows = _rows((1, 2, 3), "train") + _rows((4, 5), "val")
    own = _records("reid_folder:own.csv", rows)
    target = targets.target_of_records(
        own, options.EvaluationOptions(own_trials=protocol)
    )
    for trial in target.trials:
        assert set(trial.probe_ids.tolist()) == {4, 5}
        assert set(own.splits[trial.gallery_indices].tolist()) == {"val"}
    assert "split train takes no part" in target.trials_source


def test_unused_splits_beside_probe_and_gallery_are_said():
    rows = [(s, f"{p}/{s}.png", p, 1) for p in (3, 4) for s in ("probe", "gallery")]
    rows += _rows((1, 2), "train") + _rows((7, 8), "hall")
    target = targets.target_of_records(_records("reid_folder:own.csv", rows))
    assert target.trials_source == (
        "its splits probe and gallery; split hall, train takes no part"
    )


def test_every_table_says_it(fake_records, tmp_path):
    rows = [("all", f"{p}_{c}.png", 3 * p, c) for p in range(6) for c in range(2)]
    names = ("synthetic_reid/plaza", "synthetic_reid/alley")
    plaza, alley = (fake_records(name, rows) for name in names)
    trained = domain.build_domain(
        _records(names[0], [("all", *row[1:]) for row in rows]), 0, 0, 0, []
    )
    ranked = [
        seen_in_training.with_seen(targets.target_of_records(r), [trained])
        for r in (plaza, alley)
    ]
    printed, path = [], tmp_path / "results.json"
    figures = report.evaluate_and_report(
        colours.Colours(), "dimn", ranked, path, 8, 4, log=printed.append
    )
    lines = printed[0].splitlines()
    (at,) = [i for i, line in enumerate(lines) if "TRAINED ON 6 of its 6" in line]
    assert lines[at - 1].startswith(names[0])
    (mean,) = [line for line in lines if line.startswith("mean of 2")]
    assert mean.endswith("1 of them TRAINED ON")
    assert sum("trials: drawn by seed 0" in line for line in lines) == 2
    written = results_files.read(path)["targets"]
    assert written[names[0]]["seen_in_training"] == {
        "persons": 6, "of_persons": 6, "images": 12, "of_images": 12,
    }  # fmt: skip
    assert "seen_in_training" not in written[names[1]]
    card = "\n".join(model_card._results(figures))
    assert card.count("TRAINED ON 6 of its 6 persons") == 1


@pytest.fixture
def built(monkeypatch):
    """Makes up which sources are built; notes which are opened."""
    opened = []

    def make(*references):
        def load_records(reference, data_dir):
            assert data_dir == "folder"
            opened.append(reference)
            return _records(reference, _rows((1, 2, 3)))

        monkeypatch.setattr("dimn_tf.data.records.load_records", load_records)
        monkeypatch.setattr(
            "data_builders.registry.is_built",
            lambda reference, data_dir: reference in references,
        )
        return opened

    return make


def test_only_sources_that_share_images_are_opened(built, tmp_path):
    opened = built("market1501")
    path = tmp_path / "holdout.json"
    target = targets.target_of_records(
        _records("market1501/partial", _rows((1, 2, 3))), options.EvaluationOptions()
    )
    sources = ["cuhk02", "market1501"]
    path.write_text('{"market1501": [2]}')  # Set aside, so not trained on.

    def of_run(*references):
        aside = functools.partial(holdout.load, path)
        return [seen_in_training.Training(references, aside)]

    (found,) = seen_in_training.with_seen_of_runs([target], of_run(*sources), "folder")
    assert found.seen_in_training == seen_in_training.Seen(2, 3, 4, 6)
    assert opened == ["market1501"]
    path.unlink()  # Nobody asks for it where no source shares images.
    (same,) = seen_in_training.with_seen_of_runs([target], of_run("cuhk02"), "folder")
    assert same is target and opened == ["market1501"]


def test_a_shared_source_that_is_not_built_is_named(built, tmp_path):
    built()
    target = targets.target_of_records(
        _records("market1501", _rows((1, 2, 3))), options.EvaluationOptions()
    )
    with pytest.raises(errors.UserError, match="^market1501: .*--data_dir=folder"):
        seen_in_training.with_seen_of_runs(
            [target],
            [seen_in_training.Training(["market1501", "viper"], dict)],
            "folder",
        )


def test_runs_before_are_looked_at_too(built):
    built("market1501")
    target = targets.target_of_records(
        _records("market1501", _rows((1, 2, 3))), options.EvaluationOptions()
    )
    runs = [
        seen_in_training.Training(["cuhk02"], dict),
        seen_in_training.Training(["market1501"], lambda: {"market1501": [2, 3]}),
        seen_in_training.Training(["market1501"], lambda: {"market1501": [1, 3]}),
    ]
    (found,) = seen_in_training.with_seen_of_runs([target], runs, "folder")
    assert found.seen_in_training == seen_in_training.Seen(2, 3, 4, 6)
    domains = seen_in_training.domains_of_runs(["market1501"], runs, "folder")
    seen = seen_in_training.persons_seen(target.records, domains)
    assert seen.tolist() == [1, 2]
