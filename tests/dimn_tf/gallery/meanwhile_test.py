"""What others do in a gallery while images are encoded: nothing of it is undone."""

import dataclasses

import numpy as np
import pytest

from data_builders import dummy_images
from dimn_tf.gallery import (
    Entry,
    Gallery,
    MilvusGallery,
    content_hash,
    enrolment,
    image_sources,
    meanwhile,
    outcomes,
)

D, MODEL = 4, "ab" * 32
OLD = np.arange(1.0, D + 1)
NEW = OLD[::-1].copy()


@pytest.fixture(params=["folder", "milvus"])
def gallery(request, tmp_path):
    """A gallery of one entry, that an older version enrolled of anna."""
    if request.param == "folder":
        made = Gallery.create(tmp_path / "people", MODEL, D)
    else:
        pytest.importorskip("pymilvus", reason="the extra `milvus` is not installed")
        made = MilvusGallery.create(str(tmp_path / "m.db"), "people", MODEL, D)
    with made:
        made.add([Entry("a", OLD, "anna", {"camera_id": "door", "key": 1})])
        yield made


def _of(gallery, name="a"):
    return gallery.known([name]).get(name)


def _told(name="a", person=None, camera=None, digest="new"):
    metadata = {content_hash.KEY: digest, "enrolled_at": "2026-11-29T12:00:00+00:00"}
    if camera is not None:
        metadata["camera_id"] = camera
    return Entry(name, NEW, person, metadata)


def _add(gallery, *made):
    report = outcomes.Report()
    meanwhile.add(gallery, made, report)
    return report


def _name(gallery, person, **metadata):
    """What a service's PATCH does."""
    known = _of(gallery)
    told = {**known.metadata, **metadata}
    gallery.add([Entry("a", OLD, person, told)], replace=True)


@pytest.mark.parametrize("person", [None, "anna", "bo"])
def test_who_was_removed_is_not_brought_back(gallery, person):
    seen = _of(gallery)
    gallery.remove(["a"])
    report = _add(gallery, (_told(person=person), seen), (_told("b"), None))
    assert set(gallery.persons()) == {"b"}
    assert (report.added, report.replaced, report.gone) == (1, 0, 1)
    assert report.skipped == [("a", meanwhile.GONE)]
    report = _add(gallery, (_told(person=person), seen))
    assert report.gone == 1 and set(gallery.persons()) == {"b"}


def test_what_is_not_told_stays_as_it_is_by_now(gallery):
    seen = _of(gallery)
    _name(gallery, "bo", camera_id="lift", key=2)
    report = _add(gallery, (_told(), seen))
    assert (report.replaced, report.changed) == (1, [])
    known = _of(gallery)
    assert known.person_id == "bo"
    assert known.metadata == {**_told().metadata, "camera_id": "lift", "key": 2}
    np.testing.assert_array_equal(gallery.vectors(["a"])[0], NEW)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"person": "anna"}, "person bo, now anna"),
        (
            {"person": "cy", "camera": "roof"},
            "person bo, now cy, camera lift, now roof",
        ),
    ],
)
def test_who_is_told_otherwise_than_named_meanwhile_is_left(gallery, told, expected):
    seen = _of(gallery)
    _name(gallery, "bo", camera_id="lift")
    before = _of(gallery)
    report = _add(gallery, (_told(**told), seen))
    assert report.changed == [("a", expected)] and not report.replaced
    assert _of(gallery) == before
    np.testing.assert_array_equal(gallery.vectors(["a"])[0], OLD)
    # Looked at again, it is known what is replaced.
    assert _add(gallery, (_told(**told), before)).replaced == 1
    assert _of(gallery).person_id == told["person"]


def test_what_nobody_changed_is_replaced_as_it_is_told(gallery):
    report = _add(gallery, (_told(person="bo", camera="lift"), _of(gallery)))
    assert (report.added, report.replaced, report.changed) == (0, 1, [])
    known = _of(gallery)
    assert (known.person_id, known.metadata["camera_id"]) == ("bo", "lift")
    assert known.metadata["key"] == 1


def test_what_came_meanwhile_is_as_if_it_had_been_there(gallery):
    same = dataclasses.replace(_told("b"), person_id="bo")
    gallery.add([same, _told("c", "cy"), _told("d", "dan", digest="another")])
    later = {**same.metadata, "enrolled_at": "2026-11-30T12:00:00+00:00"}
    report = _add(
        gallery,
        (dataclasses.replace(same, metadata=later, vector=OLD), None),
        (_told("c"), None),
        (_told("d", "eve"), None),
        (_told("e"), None),
    )
    assert (report.added, report.there, report.replaced) == (2, 1, 0)
    assert report.changed == [("d", "another picture, person dan, now eve")]
    assert gallery.persons()["d"] == "dan" and len(gallery) == 5
    np.testing.assert_array_equal(gallery.vectors(["b"])[0], NEW)


def test_it_is_looked_at_within_the_writers_lock(tmp_path, monkeypatch):
    with Gallery.create(tmp_path / "people", MODEL, D) as made:
        known, held = Gallery.known, []

        def noted(self, names):
            with Gallery(tmp_path / "people") as other:
                with pytest.raises(ValueError, match="another process is writing"):
                    other.remove(["x"])
            held.append(names)
            return known(self, names)

        monkeypatch.setattr(Gallery, "known", noted)
        assert _add(made, (_told("b"), None)).added == 1
        assert held == [["b"]]


def _shown(names, act):
    """Acts once, when the first batch is encoded."""
    done = []

    def classifiers(encoded):
        if not done:
            act()
        done.append(len(encoded))
        return plain(encoded)

    plain = names.gallery_classifiers
    return classifiers


@pytest.mark.parametrize("replace", [False, True])
def test_a_long_enrolment_undoes_nothing_that_was_answered(
    small_export, tmp_path, monkeypatch, replace
):
    model, crops = small_export.model, tmp_path / "crops"
    dummy_images.write(crops, [f"{x}.png" for x in "abcd"], height=40, width=20)
    names = [f"{crops}/{x}.png" for x in "abcd"]
    with Gallery.create(tmp_path / "people", model.sha256, model.dimension) as gallery:
        old = np.ones(model.dimension)
        gallery.add([Entry(name, old, "anna") for name in names[:3]])

        def answered():
            with Gallery(tmp_path / "people") as service:
                service.remove([names[0]])
                service.add([Entry(names[1], old, "bo")], replace=True)
                service.add([Entry(names[3], old, "dan")])

        monkeypatch.setattr(model, "gallery_classifiers", _shown(model, answered))
        sources = list(image_sources.expand([str(crops)]))
        report = enrolment.enrol(model, gallery, sources, 2, False, replace)
        expected = dict(zip(names[1:], ["bo", "anna", "dan"], strict=True))
        assert gallery.persons() == expected
        assert report.added == 0
        assert (report.replaced, report.gone) == ((2, 1) if replace else (0, 0))
        assert report.there == (1 if replace else 4)
