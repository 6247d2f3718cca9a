"""The picture of ranked galleries: which images, in which order, how framed."""

import dataclasses

import numpy as np
import PIL.Image
import pytest

from dimn_tf.evaluation import ranked_pictures


@pytest.fixture
def result(made_up_results):
    return made_up_results(["viper"])[0]


def rows_of(result, **options):
    trial = result.target.trials[0]
    return ranked_pictures.ranked_probes(
        result.scoring, result.features, trial, **options
    )


def test_ranked_probes(result):
    rows = rows_of(result, count=4, top=6)
    trial, ranked = result.target.trials[0], result.rankings["method"][0]
    assert [row.probe for row in rows] == trial.probe_indices[[0, 6, 13, 19]].tolist()
    for row, position in zip(rows, (0, 6, 13, 19), strict=True):
        assert row.first_match_rank == ranked.first_match_ranks[position]
        features = result.features.values
        scores = features[row.gallery] @ features[row.probe]
        np.testing.assert_allclose(row.scores, scores, rtol=1e-5)
        assert (np.diff(row.scores) <= 0).all() and len(row.gallery) == 6
        everything = features[trial.gallery_indices] @ features[row.probe]
        assert row.scores[0] == pytest.approx(everything.max())
        persons = result.target.records.person_ids
        expected = persons[row.gallery] == persons[row.probe]
        np.testing.assert_array_equal(row.matches, expected)
    assert any(row.matches.any() for row in rows)


def test_more_rows_than_probes(result):
    assert len(rows_of(result, count=99, top=99)) == 20
    assert len(rows_of(result, count=99, top=99)[0].gallery) == 20


def test_images_that_the_camera_rule_ignores_are_left_out(result):
    trial = result.target.trials[0]
    labels = dataclasses.replace(
        trial,
        gallery_ids=np.where(np.arange(20) == 3, trial.probe_ids[0], trial.gallery_ids),
        probe_cameras=np.zeros(20, np.int64),
        gallery_cameras=(np.arange(20) == 3) * -1 + 1,  # image 3 is of camera 0
    )
    row = ranked_pictures.ranked_probes(
        result.scoring, result.features, labels, count=1, top=20
    )[0]
    assert len(row.gallery) == 19
    assert trial.gallery_indices[3] not in row.gallery


def test_tiles(fake_records, monkeypatch):
    painted = []
    monkeypatch.setattr(ranked_pictures.tiles, "paint", lambda *x: painted.append(x))
    records = fake_records("set", [("all", f"{i}.png", i, 2) for i in range(3)])
    found = ranked_pictures.RankedProbe(
        0, np.array([2, 1]), np.array([0.5, 0.25]), np.array([True, False]), 1
    )
    lost = dataclasses.replace(found, matches=np.zeros(2, bool), first_match_rank=0)
    ranked_pictures.paint([found, lost], records, "p.png", "a title")
    ((rows, heads, path, title),) = painted
    assert (heads, path, title) == (["probe", "1", "2"], "p.png", ["a title"])
    assert [row[0].beneath for row in rows] == [["match: rank 1"], ["match: none"]]
    right, wrong = rows[0][1:]
    assert (right.beneath, wrong.beneath) == (["0.5"], ["0.25"])
    assert right.colour == right.frame != wrong.frame != wrong.colour
    assert right.wide and not wrong.wide


def test_a_probe_without_a_match_has_no_rank(result):
    trial = result.target.trials[0]
    alone = dataclasses.replace(trial, gallery_ids=trial.gallery_ids + 1_000)
    rows = ranked_pictures.ranked_probes(result.scoring, result.features, alone)
    assert len(rows) == 8 and {row.first_match_rank for row in rows} == {0}
    assert {len(row.gallery) for row in rows} == {10}


def test_picture(fake_records, tmp_path):
    rows = [("all", f"{i}.png", i % 2, 200) for i in range(5)]
    records = fake_records("set", rows)
    row = ranked_pictures.RankedProbe(
        0, np.array([3, 2, 4]), np.array([0.9, 0.5, -1.0]), np.array([0, 1, 1]) > 0, 2
    )
    path = tmp_path / "ranked" / "set.png"
    ranked_pictures.paint([row, row], records, path, "a title")
    with PIL.Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    # Left to right along a line through the tiles of the first row: the images are
    # of one colour each, (person, camera, position).
    line = [tuple(p) for p in pixels[14 + 46 + 60]]
    colours = [c for i, c in enumerate(line) if i == 0 or c != line[i - 1]]
    green, red, ink, paper = (26, 152, 80), (215, 48, 39), (34, 34, 34), (255,) * 3
    assert colours == [
        paper, ink, (0, 200, 0), ink,
        paper, red, (1, 200, 3), red,
        paper, green, (0, 200, 2), green,
        paper, green, (0, 200, 4), green, paper,
    ]  # fmt: skip
    assert line.count(green) > line.count(red) > 0  # true matches stand out
    assert records.reads == [0, 3, 2, 4] * 2
    assert list(path.parent.iterdir()) == [path]
