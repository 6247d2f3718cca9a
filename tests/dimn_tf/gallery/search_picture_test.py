"""The picture of a search, and the images and maps in it."""

import dataclasses
import hashlib

import numpy as np
import PIL.Image
import pytest

from data_builders import dummy_images
from dimn_tf import tiles
from dimn_tf.export import served_model
from dimn_tf.gallery import Hit, explanation, search_picture

GREEN, PLAIN, INK = (26, 152, 80), (154, 154, 154), (34, 34, 34)


def _plain(colour, size=(64, 128)):
    return PIL.Image.new("RGB", size, colour)


def _hit(score, path=None, name="entry"):
    return Hit(name, score, "anna", {} if path is None else {"path": str(path)})


def _found(hits):
    return [explanation.Found(hit, hit.score / 10) for hit in hits]


def _pixels(path):
    with PIL.Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


class _Model:
    """Explains each pair by a map of its score in the first place."""

    def __init__(self, scores, faults=()):
        self.scores, self.faults = np.array(scores, np.float32), faults

    def explain(self, probe, gallery):
        self.asked = probe, list(gallery)
        maps = np.zeros((len(gallery), 2, 1), np.float32)
        maps[:, 0, 0] = self.scores[: len(gallery)]
        faults = tuple(self.faults[: len(gallery)]) or ("",) * len(gallery)
        scores = self.scores[: len(gallery)]
        return served_model.Explanation(maps, 2 * maps, scores, faults)


def test_a_heat_map_is_red_where_it_adds_and_blue_where_it_takes_away():
    shares = np.array([[1.0, 0.0], [-1.0, 0.25]])
    field = np.asarray(
        search_picture.overlay(_plain((200, 200, 200)), shares, 1.0)
    ).astype(int)
    red, grey, blue, faint = (
        field[y, x] for y, x in ((0, 0), (0, 63), (127, 0), (127, 63))
    )
    assert red[0] > red[2] + 60 and blue[2] > blue[0] + 60
    np.testing.assert_array_equal(grey, 200)
    # A quarter of the share, a quarter of the way to red.
    np.testing.assert_allclose(faint - 200, (red - 200) / 4, atol=1)
    np.testing.assert_array_equal(field[:, 10].mean(axis=1) > 0, True)


def test_images_are_found_again_and_what_is_lost_is_said(tmp_path):
    dummy_images.write(tmp_path, ["a.png"])
    hits = [
        _hit(3.0, tmp_path / "a.png"),
        _hit(2.0, tmp_path / "gone.png"),
        _hit(1.0),
    ]
    # In any order: one without an image ends nothing.
    again = explanation.with_images(_found(hits[::-1]))
    assert [row.image is None for row in again] == [True, True, False]
    found = explanation.with_images(_found(hits))
    assert found[0].image == (tmp_path / "a.png").read_bytes() and not found[0].missing
    assert [row.image for row in found[1:]] == [None, None]
    assert "No such file" in found[1].missing and found[2].missing == "no image known"
    model = _Model([3.0])
    explained = explanation.explained(model, b"probe", found)
    assert model.asked == (b"probe", [found[0].image])
    assert explained[0].probe_map.sum() == 3.0 and explained[1].probe_map is None


def test_another_picture_under_the_enrolled_name_is_not_shown(tmp_path):
    dummy_images.write(tmp_path, ["a.png", "b.png"])
    hits = [_hit(3.0, tmp_path / name) for name in ("a.png", "b.png")]
    for hit in hits:
        content = (tmp_path / "a.png").read_bytes()
        hit.metadata["content_sha256"] = hashlib.sha256(content).hexdigest()
    same, changed = explanation.with_images(_found(hits))
    assert same.image == content and not same.missing
    assert changed.image is None and changed.missing == "changed since enrolment"


def test_an_image_that_was_changed_has_no_map(tmp_path):
    dummy_images.write(tmp_path, ["a.png", "b.png"])
    hits = [_hit(3.0, tmp_path / "a.png"), _hit(2.0, tmp_path / "b.png")]
    found = explanation.explained(
        _Model([3.001, 2.5]), b"", explanation.with_images(_found(hits))
    )
    assert found[0].probe_map is not None and not found[0].missing
    assert found[1].probe_map is None and "changed" in found[1].missing
    np.testing.assert_array_equal(found[0].gallery_map, 2 * found[0].probe_map)


def test_a_smaller_copys_map_is_brought_to_the_score(tmp_path):
    dummy_images.write(tmp_path, ["a.png"])
    found = explanation.with_images(_found([_hit(3.0, tmp_path / "a.png")]))
    (row,) = explanation.explained(_Model([2.5]), b"", found, copies=True)
    assert not row.missing and row.probe_map.sum() == 2.5
    even = np.diff((row.gallery_map - 2 * row.probe_map).ravel())
    np.testing.assert_allclose(even, 0, atol=1e-6)
    lost = row.gallery_map.sum() - 2 * 2.5
    np.testing.assert_allclose(lost, 0.5, atol=1e-6)


def test_a_score_may_differ_by_a_hundredth_of_the_best(tmp_path):
    dummy_images.write(tmp_path, ["a.png", "b.png", "c.png"])
    hits = [
        _hit(-300.0, tmp_path / "a.png"),
        _hit(20.0, tmp_path / "b.png"),
        _hit(10.0, tmp_path / "c.png"),
    ]
    found = explanation.explained(
        _Model([-297.2, 22.8, 13.2]), b"", explanation.with_images(_found(hits))
    )
    assert ["changed" in row.missing for row in found] == [False, False, True]


def test_an_image_that_the_model_refuses_has_no_map_and_the_others_do(tmp_path):
    names = [f"{i}.png" for i in range(40)]
    dummy_images.write(tmp_path, names)
    hits = [_hit(3.0, tmp_path / name) for name in names]
    faults = ["", "the decoder refuses it"] * 20
    found = explanation.explained(
        _Model([3.0] * 40, faults), b"", explanation.with_images(_found(hits))
    )
    assert [row.missing for row in found] == faults
    assert [row.probe_map is None for row in found] == [bool(f) for f in faults]
    assert [row.image is None for row in found] == [bool(f) for f in faults]


@pytest.fixture
def found(tmp_path):
    def encoded(colour):
        path = tmp_path / f"{colour}.png"
        _plain((colour, 0, 0)).save(path)
        return path.read_bytes()

    shares = np.array([[1.0], [-1.0]], np.float32)
    return [
        explanation.Found(_hit(9.0), 0.9, encoded(10), "", shares, shares[::-1]),
        explanation.Found(_hit(5.0), 0.5, encoded(20), "", shares, shares),
        explanation.Found(_hit(1.0), 0.1, None, "no image known"),
    ]


def _runs(line):
    """Colours along a line, each once, without the paper and text."""
    colours = [tuple(p) for p in line]
    kept = [c for i, c in enumerate(colours) if i == 0 or c != colours[i - 1]]
    return [c for c in kept if c != (255, 255, 255)]


def test_frames_tell_the_threshold(found, tmp_path):
    probe = found[0].image
    path = tmp_path / "pictures" / "search.png"
    search_picture.paint(probe, found, path, "a title", 0.5, "1 false accept in 100")
    # Beneath the title's two lines and the heads, near the tiles' upper edge.
    line = _pixels(path)[14 + 22 + 15 + 30 + 8]
    assert _runs(line) == [
        INK, (10, 0, 0), INK, GREEN, (10, 0, 0), GREEN, GREEN, (20, 0, 0), GREEN,
        PLAIN, (238, 238, 238), PLAIN,
    ]  # fmt: skip
    assert (line == GREEN).all(axis=1).sum() == 4 * tiles.WIDE
    without = tmp_path / "without.png"
    search_picture.paint(probe, found, without, "a title")
    assert GREEN not in _runs(_pixels(without)[14 + 22 + 30 + 8])


@pytest.fixture
def drawn(monkeypatch):
    """The tiles of what is drawn, row by row."""
    taken = []
    monkeypatch.setattr(
        tiles, "paint", lambda rows, *given: taken.append((rows, given))
    )
    return taken


def test_what_stands_beneath_a_match_is_its_score_likeness_and_person(found, drawn):
    hits = [
        Hit("/crops/a/long/path/of/1.png", 9.0, None, {}),
        Hit("18 letters exactly", 5.0, None, {}),
        Hit("e", 1.0, "anna", {}),
    ]
    found = [dataclasses.replace(f, hit=h) for f, h in zip(found, hits, strict=True)]
    search_picture.paint(b"", found, "x.png", "a title", 0.5, "one in 100")
    ((((_, *matches),), given),) = drawn
    assert [tile.beneath for tile in matches] == [
        ["score 9", "likeness 0.9000 above", "...g/path/of/1.png"],
        ["score 5", "likeness 0.5000 above", "18 letters exactly"],
        ["score 1", "likeness 0.1000 below", "anna"],
    ]
    assert [tile.colour for tile in matches] == [tiles.RIGHT, tiles.RIGHT, tiles.INK]
    assert [tile.inside for tile in matches] == ["", "", "no image known"]
    assert given[0] == ["probe", "1", "2", "3"] and "0.5000 (one in 100)" in given[2][1]
    search_picture.paint(b"", found, "x.png", "a title")
    assert drawn[1][0][0][1].beneath[1] == "likeness 0.9000"


@pytest.mark.parametrize(
    ("least", "told"), [(0.0, "+0"), (-9.2e-5, "-0.0001"), (-1e-6, "+0")]
)
def test_a_margin_stands_beneath_its_score(found, drawn, least, told):
    margins = (0.25, -1.5, least)
    found = [
        dataclasses.replace(f, margin=m) for f, m in zip(found, margins, strict=True)
    ]
    search_picture.paint(b"", found, "x.png", "a title", 0.5, "one in 100")
    ((((_, *matches),), _),) = drawn
    assert [tile.beneath[:3] for tile in matches] == [
        ["score 9", "margin +0.25", "likeness 0.9000 above"],
        ["score 5", "margin -1.5", "likeness 0.5000 above"],
        ["score 1", f"margin {told}", "likeness 0.1000 below"],
    ]


@pytest.mark.parametrize(
    ("others", "shown", "said", "not_said"),
    [
        (None, 3, ["red adds to the score", "adds up to the score ("], "margin"),
        (
            1_234,
            3,
            ["rather than the mean of the 1,234 best entries", "up to the margin"],
            "adds to the score",
        ),
        (2, 2, ["rather than the mean of the 2 best entries, blue"], "no other entry"),
        (
            2,
            3,
            ["the mean of the 2 best entries (behind them: and itself)"],
            "no other",
        ),
        (1, 3, ["the mean of the best entry (behind it: and itself)"], "no other"),
        # Of one that is shown; the second would be told from the first.
        (1, 1, ["no other entry", "the margin is 0"], "red"),
    ],
)
def test_what_red_and_blue_mean_is_said(found, drawn, others, shown, said, not_said):
    found = found[:shown]
    search_picture.paint(
        found[0].image, found, "x.png", "a title", explain=True, others=others
    )
    ((_, (_, _, title, _)),) = drawn
    text = "\n".join(title[1:])
    assert all(words in text for words in said) and not_said not in text
    search_picture.paint(found[0].image, found, "x.png", "a title", others=others)
    assert drawn[1][1][2] == ["a title"]


@pytest.mark.parametrize(
    ("others", "share", "limit"), [(None, 0.25, 1.0), (9, 0.25, 0.25), (9, 1e-4, 0.01)]
)
def test_maps_of_margins_have_a_strongest_colour_a_row(
    found, drawn, others, share, limit
):
    found = [
        dataclasses.replace(row, probe_map=share * row.probe_map) for row in found[:2]
    ]
    probe = found[0].image
    search_picture.paint(probe, found, "x.png", "t", explain=True, others=others)
    (((_, of_probe, of_match), _),) = drawn
    size = of_probe[1].image.size
    for tile, image, shares, strongest in (
        (of_probe[1], probe, found[0].probe_map, limit),
        (of_match[2], found[1].image, found[1].gallery_map, 1.0),
    ):
        expected = search_picture.overlay(tiles.opened(image, size), shares, strongest)
        np.testing.assert_array_equal(np.asarray(tile.image), np.asarray(expected))


def test_why_there_is_no_map_stands_in_its_place(found, drawn):
    reason = "changed since enrolment, so that nothing can be told of it"
    found[1] = dataclasses.replace(found[1], probe_map=None, missing=reason)
    search_picture.paint(found[0].image, found, "x.png", "a title", explain=True)
    (((_, of_probe, of_match), _),) = drawn
    assert " ".join(of_probe[2].inside.split()) == reason
    assert max(map(len, of_probe[2].inside.splitlines())) <= 18
    assert of_match[3].inside == "no image known" and of_match[2].inside == ""


def test_maps_stand_beneath_their_images(found, tmp_path):
    path = tmp_path / "search.png"
    found[1] = dataclasses.replace(found[1], probe_map=None, missing="changed")
    search_picture.paint(found[0].image, found, path, "a title", explain=True)
    pixels = _pixels(path)
    step = 2 * tiles.SIZE[1] + 2 * tiles.WIDE + 10  # And three lines beneath the first.
    top, left = 14 + 22 + 15 + 30, 14 + 5
    column = left + (2 * 64 + 20) + 10 + 64  # The middle of the first match.
    probe_row, match_row = top + step + 15 * 3, top + 2 * step + 15 * 3
    reds = pixels[probe_row + 5, column], pixels[match_row + 250, column]
    blues = pixels[probe_row + 250, column], pixels[match_row + 5, column]
    assert all(r[0] > r[2] + 60 for r in reds)
    assert all(b[2] > b[0] + 60 for b in blues)
    empty = pixels[probe_row + 5, column + 2 * 64 + 20]
    np.testing.assert_array_equal(empty, 238)
