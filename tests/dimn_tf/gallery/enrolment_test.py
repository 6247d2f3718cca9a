"""Enrolling images of all kinds by a real export, hostile ones among them."""

import io
import os
import struct
import zlib

import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.errors import DataError
from dimn_tf.gallery import Entry, Gallery, MilvusGallery, enrolment, image_sources


@pytest.fixture
def model(small_export):
    return small_export.model


@pytest.fixture
def gallery(model, tmp_path):
    with Gallery.create(tmp_path / "gallery", model.sha256, model.dimension) as made:
        yield made


def _enrol(model, gallery, *given, **changes):
    sources = list(image_sources.expand([str(path) for path in given]))
    return enrolment.enrol(model, gallery, sources, progress=False, **changes)


def test_an_image_finds_itself_and_again_adds_only_what_is_new(
    model, gallery, tmp_path
):
    folder = tmp_path / "crops"
    dummy_images.write(folder, (f"{i}.png" for i in range(5)), height=40, width=20)
    report = _enrol(model, gallery, folder, batch_size=2)
    assert (report.added, report.there, report.skipped) == (5, 0, [])
    features = model.probe_features([(folder / "3.png").read_bytes()]).vectors
    assert gallery.search(features, 1)[0][0].entry_id == f"{folder}/3.png"
    dummy_images.write(folder, ["sub/9.png"])
    report = _enrol(model, gallery, folder, folder / "1.png", batch_size=2)
    assert (report.added, report.there, report.skipped) == (1, 5, [])


def _png_that_claims(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + check
    return start + bytes(20)


def test_hostile_input_is_handled_or_skipped_with_the_reason(model, gallery, tmp_path):
    folder = tmp_path / "crops"
    dummy_images.write(folder, ["good.png"], height=40, width=20)
    jpeg = dummy_images.encoded("1.jpg", height=400, width=200)
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "claims.png").write_bytes(_png_that_claims(20_000, 20_000))
    (folder / "text.jpg").write_text("not an image")
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("passed over")
    large = PIL.Image.new("1", (9_000, 8_000))  # A few kB that become 216 MB.
    large.save(folder / "large.png")
    unnamed = os.fsencode(folder) + b"/caf\xe9.png"
    with open(unnamed, "wb") as file:
        file.write((folder / "good.png").read_bytes())
    (folder / "again").symlink_to(folder)
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    pixels = PIL.Image.fromarray(dummy_images.pixels(1, 40, 20))
    pixels.resize((1, 1)).save(folder / "one.png")
    pixels.convert("CMYK").save(folder / "cmyk.jpg")
    deep = np.asarray(pixels.convert("L")).astype(np.uint16) * 257
    PIL.Image.fromarray(deep).save(folder / "deep.png")
    exif = pixels.getexif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    stored = pixels.transpose(PIL.Image.Transpose.ROTATE_90)
    stored.save(folder / "turned.png", exif=exif)
    report = _enrol(model, gallery, folder, batch_size=3)
    skipped = {name.rpartition("/")[2]: reason for name, reason in report.skipped}
    assert set(skipped) == {
        "cut.jpg", "claims.png", "text.jpg", "empty.png", "gone.png", "large.png",
        "caf\udce9.png",
    }  # fmt: skip
    assert "empty file" in skipped["empty.png"]
    assert "No such file" in skipped["gone.png"]
    assert skipped["large.png"].startswith("9,000 x 8,000 pixels")
    assert all("\n" not in reason and reason for reason in skipped.values())
    assert report.added == 5 == len(gallery)
    # Turned upright, the photo is the picture that was stored lying.
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG")
    hit = gallery.search(model.probe_features([buffer.getvalue()]).vectors, 1)[0][0]
    assert hit.entry_id.endswith("turned.png")


def test_single_bad_lines_and_files_are_skipped_and_named(tmp_path):
    crops = tmp_path / "crops"
    dummy_images.write(crops, ["anna/1_a.png", "bo/2_b.png", "bo/no_camera.png"])
    (crops / "anna" / "notes.txt").write_text("")
    (tmp_path / "list.csv").write_text(
        "path,person_id\ncrops/anna/1_a.png,anna\ncrops/gone.png,bo\n,cy\n"
        "crops/anna/1_a.png,anna\n"
    )
    skipped = []
    found = image_sources.expand([str(crops)], True, r"^(\d)_", skipped)
    assert [(s.path.name, s.person_id, s.camera_id) for s in found] == [
        ("1_a.png", "anna", "1"),
        ("2_b.png", "bo", "2"),
    ]
    assert [where.rpartition("/")[2] for where, _ in skipped] == [
        "notes.txt", "no_camera.png"
    ]  # fmt: skip
    skipped = []
    (only,) = image_sources.expand([str(tmp_path / "list.csv")], skipped=skipped)
    assert only.entry_id == str(crops / "anna" / "1_a.png")
    assert [where.rpartition(", ")[2] for where, _ in skipped] == [
        "line 3", "line 4", "line 5"
    ]  # fmt: skip
    with pytest.raises(DataError, match="File name too long"):
        list(image_sources.expand(["x" * 300]))


def test_an_id_is_the_same_from_every_folder(tmp_path, monkeypatch):
    dummy_images.write(tmp_path / "crops", ["a.png"])
    monkeypatch.chdir(tmp_path)
    (one,) = image_sources.expand(["crops"])
    monkeypatch.chdir(tmp_path / "crops")
    (other,) = image_sources.expand(["./a.png"])
    assert one.entry_id == other.entry_id == str(tmp_path / "crops" / "a.png")


def test_more_than_20_that_the_model_refuses_are_skipped_and_the_others_enrolled(
    model, gallery, tmp_path, monkeypatch
):
    dummy_images.write(tmp_path / "crops", (f"{i:02}.png" for i in range(30)))
    checked = images.checked
    good = {(tmp_path / f"crops/{i:02}.png").read_bytes() for i in (3, 20)}
    monkeypatch.setattr(
        images, "checked", lambda c, **k: checked(c, **k) if c in good else b"x"
    )
    report = _enrol(model, gallery, tmp_path / "crops")
    assert report.added == 2 == len(gallery)
    assert len(report.skipped) == 28
    assert all("decoder refuses it" in reason for _, reason in report.skipped)


def test_a_csv_tells_persons_and_cameras(model, gallery, tmp_path):
    dummy_images.write(tmp_path / "crops", ["a.png", "b.png"], height=40, width=20)
    (tmp_path / "list.csv").write_text(
        "path,person_id,camera_id\ncrops/a.png,anna,door\ncrops/b.png,bo,lift\n"
    )
    assert _enrol(model, gallery, tmp_path / "list.csv").added == 2
    features = model.probe_features([(tmp_path / "crops/b.png").read_bytes()]).vectors
    hit = gallery.search(features, 1)[0][0]
    assert hit.person_id == "bo" and hit.metadata["camera_id"] == "lift"


@pytest.fixture(params=["folder", "milvus"])
def any_gallery(request, model, tmp_path):
    given = model.sha256, model.dimension
    if request.param == "folder":
        made = Gallery.create(tmp_path / "gallery", *given)
    else:
        made = MilvusGallery.create(str(tmp_path / "m.db"), "people", *given)
    with made:
        yield made


def _list(tmp_path, *rows):
    text = "\n".join(["path,person_id,camera_id", *rows])
    (tmp_path / "list.csv").write_text(text + "\n")
    return tmp_path / "list.csv"


def test_another_picture_person_or_camera_is_listed_or_replaced(
    model, any_gallery, tmp_path
):
    crops = tmp_path / "crops"
    dummy_images.write(crops, [f"{name}.png" for name in "abcd"], height=40, width=20)
    rows = [f"crops/{name}.png,{name}na,door" for name in "abcd"]
    assert _enrol(model, any_gallery, _list(tmp_path, *rows)).added == 4
    dummy_images.write(crops, ["new.png"], height=40, width=20)
    picture = (crops / "new.png").read_bytes()
    (crops / "a.png").write_bytes(picture)
    rows[1], rows[2] = "crops/b.png,bo,door", "crops/c.png,cna,lift"
    given = _list(tmp_path, *rows)
    report = _enrol(model, any_gallery, given)
    assert (report.added, report.there, report.replaced) == (0, 1, 0)
    expected = {
        f"{crops}/a.png": "another picture",
        f"{crops}/b.png": "person bna, now bo",
        f"{crops}/c.png": "camera door, now lift",
    }
    assert dict(report.changed) == expected
    features = model.probe_features([picture]).vectors
    assert any_gallery.search(features, 1)[0][0].score < 0.999 * _own(model, picture)
    assert any_gallery.persons()[f"{crops}/b.png"] == "bna"  # Nothing was changed.

    report = _enrol(model, any_gallery, given, replace=True, batch_size=2)
    assert (report.added, report.there, report.replaced) == (0, 1, 3)
    assert not report.changed and not report.skipped and len(any_gallery) == 4
    hit = any_gallery.search(features, 1)[0][0]
    assert hit.entry_id == f"{crops}/a.png"
    assert hit.score == pytest.approx(_own(model, picture), rel=1e-4)
    known = any_gallery.known([f"{crops}/{name}.png" for name in "abcd"] + ["no"])
    assert len(known) == 4
    known = [known[f"{crops}/{name}.png"] for name in "abcd"]
    assert [(x.person_id, x.metadata["camera_id"]) for x in known] == [
        ("ana", "door"), ("bo", "door"), ("cna", "lift"), ("dna", "door")
    ]  # fmt: skip
    # What a call does not tell stays, and is no change.
    (crops / "d.png").write_bytes(picture)
    report = _enrol(model, any_gallery, crops / "c.png", crops / "d.png", replace=True)
    assert (report.there, report.replaced) == (1, 1)
    (known,) = any_gallery.known([f"{crops}/d.png"]).values()
    assert (known.person_id, known.metadata["camera_id"]) == ("dna", "door")
    assert _enrol(model, any_gallery, crops / "d.png").there == 1


def test_what_is_replaced_keeps_what_a_program_told_of_it(model, gallery, tmp_path):
    image = tmp_path / "a.png"
    dummy_images.write(tmp_path, [image.name], height=40, width=20)
    _enrol(model, gallery, image)
    ((name, before),) = gallery.known([str(image)]).items()
    (vector,) = gallery.vectors([name])
    more = {"seen_at": "2026-01-02T03:04:05+00:00", "shift": {"name": "night"}}
    told = {**before.metadata, **more, "content_sha256": "of another picture"}
    gallery.add([Entry(name, vector, "anna", told)], replace=True)
    assert _enrol(model, gallery, image, replace=True).replaced == 1
    (known,) = gallery.known([name]).values()
    times = {"enrolled_at": known.metadata["enrolled_at"]}
    assert known.metadata == {**before.metadata, **more, **times}
    assert known.person_id == "anna"


def _own(model, picture):
    """The inner product of an image with itself."""
    features, classifiers = (
        call([picture]).vectors[0]
        for call in (model.probe_features, model.gallery_classifiers)
    )
    return float(features @ classifiers)


def test_what_is_there_and_cannot_be_compared_or_replaced_stays(
    model, gallery, tmp_path
):
    dummy_images.write(tmp_path / "crops", ["a.png", "b.png"], height=40, width=20)
    given = _list(tmp_path, "crops/a.png,anna,1", "crops/b.png,bo,1")
    _enrol(model, gallery, given)
    (tmp_path / "crops/a.png").unlink()
    (tmp_path / "crops/b.png").write_text("no image any more")
    report = _enrol(model, gallery, tmp_path / "crops/a.png", tmp_path / "crops/b.png")
    assert [reason.split(":")[0] for _, reason in report.skipped] == [
        "enrolled before, and cannot be compared"
    ]
    assert [what for _, what in report.changed] == ["another picture"]
    report = _enrol(model, gallery, tmp_path / "crops/b.png", replace=True)
    ((name, reason),) = report.skipped
    assert name.endswith("b.png") and "no kind of image" in reason
    assert len(gallery) == 2 and report.replaced == 0


def test_a_gallery_of_an_older_version_opens_and_says_what_it_lacks(
    model, gallery, tmp_path
):
    dummy_images.write(tmp_path / "crops", ["a.png", "b.png"], height=40, width=20)
    names = [f"{tmp_path}/crops/{name}.png" for name in "ab"]
    old = np.ones(model.dimension)
    gallery.add([Entry(name, old, "anna", {"path": name}) for name in names])
    report = _enrol(model, gallery, tmp_path / "crops")
    assert (report.there, report.unknown, report.changed) == (2, 2, [])
    report = _enrol(model, gallery, tmp_path / "crops", replace=True)
    assert (report.there, report.unknown, report.replaced) == (0, 0, 2)
    assert all(row.person_id == "anna" for row in gallery.known(names).values())
    assert _enrol(model, gallery, tmp_path / "crops").unknown == 0


def test_an_image_of_two_persons_is_of_neither(model, gallery, tmp_path):
    dummy_images.write(tmp_path / "crops", ["a.png", "b.png"], height=40, width=20)
    one = _list(tmp_path, "crops/a.png,anna,1", "crops/b.png,bo,1").rename(
        tmp_path / "one.csv"
    )
    other = _list(tmp_path, "crops/a.png,cy,1", "crops/b.png,bo,1")
    report = _enrol(model, gallery, one, other)
    assert report.added == 1
    ((name, reason),) = report.skipped
    assert name.endswith("a.png")
    assert reason.endswith("as of person anna, camera 1; person cy, camera 1")


def test_large_files_go_in_smaller_batches(model, gallery, tmp_path, monkeypatch):
    dummy_images.write(tmp_path / "crops", (f"{i}.png" for i in range(5)))
    size = (tmp_path / "crops/0.png").stat().st_size
    monkeypatch.setattr("dimn_tf.gallery.embedding.BATCH_BYTES", 2 * size - 1)
    sizes, add = [], gallery.add
    monkeypatch.setattr(
        gallery, "add", lambda rows, **a: (sizes.append(len(rows)), add(rows, **a))
    )
    assert _enrol(model, gallery, tmp_path / "crops").added == 5
    assert sizes == [2, 2, 1]


def test_progress_leaves_stdout_to_programs(
    model, gallery, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("dimn_tf.progress._SHORT_SECONDS", 0)
    dummy_images.write(tmp_path / "crops", ["a.png"])
    sources = list(image_sources.expand([str(tmp_path / "crops")]))
    enrolment.enrol(model, gallery, sources)
    printed = capsys.readouterr()
    assert printed.out == "" and "enrolling: 1/1 images" in printed.err
    enrolment.enrol(model, gallery, sources)
    assert "looking for what is there: 1/1 images" in capsys.readouterr().err
    enrolment.enrol(model, gallery, sources, progress=False)
    assert capsys.readouterr() == ("", "")
