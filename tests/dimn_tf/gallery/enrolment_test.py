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
from dimn_tf import encoders, methods
from dimn_tf.errors import DataError
from dimn_tf.export import exporter, served_model
from dimn_tf.gallery import Gallery, enrolment, image_sources
from tests.dimn_tf.export import made_up

HEIGHT, WIDTH, MODEL = 64, 32, "ab" * 32


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    encoder = encoders.build_encoder(
        "mobilenet_v2", HEIGHT, WIDTH, 0.35, batch_norm_momentum=0.0
    )
    made_up.shake(encoder.backbone)
    encoder(exporter.made_up_images(16, HEIGHT, WIDTH, seed=5)[0], training=True)
    kind = methods.METHODS["dimn"]
    folder = exporter.export(
        kind(encoder, 5, kind.Options()),
        tmp_path_factory.mktemp("export"),
        HEIGHT,
        WIDTH,
        {"checkpoint_sha256": MODEL},
        lambda metadata: "",
        log=lambda line: None,
    )
    return served_model.ServedModel(folder.parent)


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
    features = model.probe_features([(folder / "3.png").read_bytes()])
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
    hit = gallery.search(model.probe_features([buffer.getvalue()]), 1)[0][0]
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


def test_what_the_model_refuses_is_skipped_and_the_others_are_enrolled(
    model, gallery, tmp_path, monkeypatch
):
    dummy_images.write(tmp_path / "crops", ["a.png", "b.png", "c.png"])
    read = image_sources.read
    monkeypatch.setattr(
        image_sources, "read", lambda s: b"x" if s.path.stem == "b" else read(s)
    )
    report = _enrol(model, gallery, tmp_path / "crops")
    assert report.added == 2
    ((name, reason),) = report.skipped
    assert name.endswith("b.png") and "decoder" in reason


def test_a_csv_tells_persons_and_cameras(model, gallery, tmp_path):
    dummy_images.write(tmp_path / "crops", ["a.png", "b.png"], height=40, width=20)
    (tmp_path / "list.csv").write_text(
        "path,person_id,camera_id\ncrops/a.png,anna,door\ncrops/b.png,bo,lift\n"
    )
    assert _enrol(model, gallery, tmp_path / "list.csv").added == 2
    features = model.probe_features([(tmp_path / "crops/b.png").read_bytes()])
    hit = gallery.search(features, 1)[0][0]
    assert hit.person_id == "bo" and hit.metadata["camera_id"] == "lift"
