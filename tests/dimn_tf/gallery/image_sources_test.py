"""Tests of what files, folders and lists stand for."""

import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.errors import DataError, UserError
from dimn_tf.gallery import image_sources


@pytest.fixture
def crops(tmp_path):
    dummy_images.write(tmp_path / "crops", ["ann/1_a.png", "bo/2_b.png"])
    return tmp_path / "crops"


def _expand(*given, person_folders=False, camera_pattern=""):
    skipped = []
    texts = [str(path) for path in given]
    found = image_sources.expand(texts, person_folders, camera_pattern, skipped)
    return [(s.entry_id, s.person_id, s.camera_id) for s in found], skipped


def test_a_folder_that_several_names_lead_to_is_taken_once(crops, monkeypatch):
    link = crops.parent / "link"
    link.symlink_to(crops)
    (crops / "again").symlink_to(crops)
    monkeypatch.chdir(crops.parent)
    expected = [f"{crops}/ann/1_a.png", f"{crops}/bo/2_b.png"]
    names = [crops, link, "crops/../crops", "./link/ann", crops / "ann/1_a.png"]
    found, skipped = _expand(*names)
    assert [row[0] for row in found] == expected
    assert (f"{link}", f"the folder {crops} again") in skipped
    # By each name alone it is the same entries.
    for name in names[:3]:
        assert [row[0] for row in _expand(name)[0]] == expected
    assert _expand("link/ann")[0][0][0] == expected[0]
    assert _expand("link/bo/2_b.png")[0][0][0] == expected[1]


def test_hidden_folders_and_distractors_are_passed_over_aloud(crops):
    dummy_images.write(crops, [".thumbnails/1.png", "-1/1_x.png", "0000/1_y.png"])
    found, skipped = _expand(crops, person_folders=True)
    assert [row[1] for row in found] == ["ann", "bo"]
    reasons = {where.rpartition("/")[2]: reason for where, reason in skipped}
    assert set(reasons) == {".thumbnails", "-1", "0000"}
    assert "no person" in reasons["0000"] and "hidden" in reasons[".thumbnails"]
    # Without persons a folder's name says nothing; a hidden folder is hidden still.
    found, skipped = _expand(crops)
    assert len(found) == 4
    assert [where for where, _ in skipped] == [f"{crops}/.thumbnails"]


def test_of_two_folders_of_one_name_the_earlier_is_taken(crops):
    dummy_images.write(crops, ["bo\u200b/3_c.png"])
    found, skipped = _expand(crops, person_folders=True)
    assert [row[1] for row in found] == ["ann", "bo"]
    ((where, reason),) = skipped
    assert where == f"{crops}/bo\u200b/3_c.png" and "looks like 'bo'" in reason


SPELLINGS = "Jos\u00e9", "Jose\u0301"


def test_two_folders_of_one_name_in_two_spellings_are_one_person(crops):
    dummy_images.write(crops, [f"{name}/1_c.png" for name in (*SPELLINGS, "Jose")])
    found, skipped = _expand(crops, person_folders=True)
    people = {entry_id: person for entry_id, person, _ in found}
    assert {people[f"{crops}/{name}/1_c.png"] for name in SPELLINGS} == {SPELLINGS[0]}
    assert people[f"{crops}/Jose/1_c.png"] == "Jose" and skipped == []


def test_a_list_names_one_person_and_camera_in_two_spellings(crops):
    first, second = SPELLINGS
    rows = f"ann/1_a.png,{second},{first}\nbo/2_b.png,{first},{second}\n"
    (crops / "a.csv").write_text("path,person_id,camera_id\n" + rows)
    found, skipped = _expand(crops / "a.csv")
    assert [row[1:] for row in found] == [(first, first)] * 2 and skipped == []


@pytest.mark.parametrize("other", ["Jose\u0301\u200b", "Jos\u00e9\uff11"])
def test_what_still_looks_alike_is_left_out(crops, other):
    seen = "Jos\u00e9" + ("1" if other.endswith("\uff11") else "")
    rows = f"ann/1_a.png,{seen}\nbo/2_b.png,{other}\n"
    (crops / "a.csv").write_text("path,person_id\n" + rows)
    found, skipped = _expand(crops / "a.csv")
    assert [row[1] for row in found] == [seen]
    ((where, reason),) = skipped
    assert where.endswith("line 3") and f"looks like {ascii(seen)}" in reason


def test_a_data_set_is_not_taken_for_folders_of_persons(crops):
    dummy_images.write(crops, ["query/1_q.png", "bounding_box_test/1_t.png"])
    with pytest.raises(DataError, match="splits, not persons"):
        _expand(crops, person_folders=True)


@pytest.mark.parametrize(
    ("pattern", "person_folders", "said"),
    [
        ("(", True, "no regular expression"),
        ("^a", True, "has no group"),
        (r"^(\d)_", False, "without --person_folders"),
        ("(" * 3000, True, "no regular expression"),
    ],
)
def test_a_camera_pattern_that_finds_nothing_is_refused(
    crops, pattern, person_folders, said
):
    with pytest.raises(UserError, match=said) as caught:
        _expand(crops, person_folders=person_folders, camera_pattern=pattern)
    assert str(caught.value).startswith("--camera_pattern=")


def test_places_below_home(crops, monkeypatch):
    monkeypatch.setenv("HOME", str(crops.parent))
    assert [row[0] for row in _expand("~/crops/bo")[0]] == [f"{crops}/bo/2_b.png"]


def test_words_of_splits_are_no_matter_here(crops):
    (crops / "list.csv").write_text(
        "path,person_id,split\nann/1_a.png,ann,two words\nbo/2_b.png,bo,all\n"
    )
    found, skipped = _expand(crops / "list.csv")
    assert (len(found), skipped) == (2, [])


def test_an_image_that_cannot_be_read_says_why_in_one_line(crops):
    (crops / "ann/1_a.png").write_bytes((crops / "bo/2_b.png").read_bytes()[:-12])
    source = next(iter(image_sources.expand([str(crops)])))
    with pytest.raises(images.ImageFault) as caught:
        images.read_file(source.path)
    assert caught.value.reason == "cut off: its end (IEND) is missing"


def _below(text, crops):
    """Whether a path stands for images of the folder, of its link, and beside it."""
    place = image_sources.Below(str(text))
    return [
        place.holds(image_sources.entry_id(crops.parent / name), str(path))
        for name, path in (
            ("crops/a.png", crops / "a.png"),
            ("other/bo/1.png", crops / "bo/1.png"),
            ("crops2/a.png", crops.parent / "crops2/a.png"),
        )
    ]


def test_a_folder_stands_for_what_enrolment_finds_through_links(tmp_path):
    """By the links that are there or, when they are gone, by what entries tell."""
    crops, other = tmp_path / "crops", tmp_path / "other"
    dummy_images.write(tmp_path, ["crops/a.png", "other/bo/1.png", "crops2/a.png"])
    (crops / "bo").symlink_to(other / "bo")
    (tmp_path / "link").symlink_to(crops)
    assert _below(crops, crops) == _below(tmp_path / "link", crops)
    assert _below(crops, crops) == [True, True, False]
    assert _below(crops / "bo", crops) == _below(other, crops) == [False, True, False]
    place = image_sources.Below(str(tmp_path / "link"))  # Entries that tell no path.
    assert place.holds(image_sources.entry_id(other / "bo/1.png"))
    assert place.holds(image_sources.entry_id(other / "bo/gone.png"), 3)
    assert not place.holds("sha256-1") and not place.holds("door/1.jpg", "")
    for path in (crops / "a.png", crops / "bo", other / "bo/1.png"):
        path.unlink()
    crops.rmdir()
    assert _below(crops, crops) == [True, True, False]
    assert _below(tmp_path / "link", crops)[0]  # It leads to nothing.
    assert _below(crops / "bo/1.png", crops) == [False, True, False]


def test_a_link_to_an_image_does_not_stand_for_that_image(crops):
    (crops / "link.png").symlink_to(crops / "a.png")
    place = image_sources.Below(str(crops / "link.png"))
    assert place.holds(image_sources.entry_id(crops / "link.png"))
    assert not place.holds(image_sources.entry_id(crops / "a.png"))
