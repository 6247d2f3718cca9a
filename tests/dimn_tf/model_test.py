"""An export in a program: any kind of image, faults as data, likeness by hand."""

import copy
import io
import os
import pathlib
import pickle

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

import dimn_tf
from data_builders import dummy_images
from dimn_tf import errors, given_images, images, progress
from dimn_tf import model as model_lib
from dimn_tf.evaluation import measures

ROWS = [{"one_in": 100, "score": -0.5}, {"one_in": 1000, "score": 0.25}]


@pytest.fixture(scope="module", params=["saved_model", "onnx"])
def model(request, halves_export):
    """A method whose two representations differ, and whose score has a scale of 3."""
    return dimn_tf.load(halves_export.folder.parent, request.param)


def _png(pixels):
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_one_image_has_one_vector_whatever_holds_it(model, tmp_path):
    pixels = dummy_images.pixels(1, 90, 41)
    content = _png(pixels)
    path = tmp_path / "a.png"
    path.write_bytes(content)
    array = pixels.reshape(1, *pixels.shape)
    vectors = model.embed(
        [path, str(path), content, bytearray(content), PIL.Image.open(path), pixels]
    )
    assert vectors.shape == (6, 5) and vectors.dtype == np.float32
    assert vectors.faults == {}
    for alone in (path, content, memoryview(content), pixels, array, iter([pixels])):
        row = model.embed(alone)
        assert row.shape == (1, 5)
        np.testing.assert_allclose(vectors, np.repeat(row, 6, axis=0), rtol=1e-5)
    live = model.served.probe_features([content]).vectors
    np.testing.assert_array_equal(model.embed(path), live)
    enrolled = model.enroll(path)
    np.testing.assert_array_equal(
        enrolled, model.served.gallery_classifiers([content]).vectors
    )
    assert np.abs(enrolled - live).max() > 0.1 * np.abs(live).max()


def test_photos_are_turned_upright_from_files_and_from_pil_alike(model, tmp_path):
    upright = dummy_images.pixels(2, 60, 30)
    image = PIL.Image.fromarray(np.rot90(upright))  # A quarter to the left.
    exif = image.getexif()
    exif[0x0112] = 6  # To be turned a quarter to the right.
    image.save(tmp_path / "turned.png", exif=exif)
    wanted = model.embed(upright)
    with PIL.Image.open(tmp_path / "turned.png") as held:
        found = model.embed([tmp_path / "turned.png", held])
    np.testing.assert_allclose(found, np.repeat(wanted, 2, axis=0), rtol=1e-5)


def test_a_pil_image_that_was_turned_by_hand_needs_its_orientation_cleared(tmp_path):
    """As `embed` says of the pinned PIL."""
    upright = dummy_images.pixels(2, 60, 30)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    PIL.Image.fromarray(np.rot90(upright)).save(path, exif=exif)
    with PIL.Image.open(path) as held:
        by_hand = held.rotate(-90, expand=True)
        cleared = PIL.ImageOps.exif_transpose(held)
    np.testing.assert_array_equal(np.asarray(by_hand), upright)
    twice = PIL.Image.open(io.BytesIO(given_images.encoded(by_hand)))
    np.testing.assert_array_equal(np.asarray(twice), np.rot90(upright, -1))
    once = PIL.Image.open(io.BytesIO(given_images.encoded(cleared)))
    np.testing.assert_array_equal(np.asarray(once), upright)


def test_grey_and_transparent_images_are_taken_as_rgb(model):
    grey = dummy_images.pixels(3, 40, 20)[..., 0]
    as_rgb = np.repeat(grey[..., np.newaxis], 3, axis=-1)
    colours = dummy_images.pixels(4, 40, 20)
    transparent = PIL.Image.fromarray(np.dstack([colours, grey]))
    found = model.embed([PIL.Image.fromarray(grey), transparent])
    np.testing.assert_allclose(found, model.embed([as_rgb, colours]), rtol=1e-5)


class _BytesPath:
    """A path object as `os.PathLike` allows it: of bytes."""

    def __init__(self, path):
        self.path = os.fsencode(path)

    def __fspath__(self):
        return self.path


def test_a_path_of_bytes_is_a_path(tmp_path):
    content = _png(dummy_images.pixels(1, 40, 20))
    (tmp_path / "a.png").write_bytes(content)
    there, nowhere = (_BytesPath(tmp_path / name) for name in ("a.png", "b.png"))
    assert given_images.encoded(there) == content
    with pytest.raises(images.ImageFault, match="b.png is no readable image"):
        given_images.encoded(nowhere)
    assert given_images.name_of(there, 0) == str(tmp_path / "a.png")


def test_an_image_that_cannot_be_used_fails_no_other(model, tmp_path):
    good = [dummy_images.pixels(i, 40, 20) for i in range(3)]
    cut = PIL.Image.open(io.BytesIO(_png(good[0])[:600]))
    empty = np.zeros((0, 5, 3), np.uint8)
    with PIL.Image.open(io.BytesIO(_png(good[0]))) as ended:
        pass
    closed = PIL.Image.open(io.BytesIO(_png(good[0])))
    closed.close()
    file = io.BytesIO(_png(good[0]))
    without = PIL.Image.open(file)
    file.close()
    (tmp_path / "folder").mkdir()
    listed = [
        good[0], "nowhere.jpg", b"bad", good[1], tmp_path / "folder", cut, empty,
        b"", good[2], ended, closed, without,
    ]  # fmt: skip
    found = model.embed(listed, batch_size=2)
    assert list(found.faults) == [1, 2, 4, 5, 6, 7, 9, 10, 11]
    for place, said in {
        1: "No such file", 2: "no kind of image", 4: "a folder", 5: "cut off",
        6: "0 pixels", 7: "empty", **dict.fromkeys((9, 10, 11), "PIL image was closed"),
    }.items():  # fmt: skip
        assert said in found.faults[place] and "\n" not in found.faults[place]
    assert np.isnan(found[list(found.faults)]).all()
    np.testing.assert_allclose(found[[0, 3, 8]], model.embed(good), rtol=1e-5)
    nothing = model.embed(["nowhere.jpg"])
    assert nothing.shape == (1, 5) and np.isnan(nothing).all()
    assert model.embed([]).shape == (0, 5) and model.embed([]).faults == {}
    assert (found + 1).faults is None and found[:2].faults is None


def test_faults_travel_with_their_vectors(model):
    found = model.embed([dummy_images.pixels(1), "no.jpg"], show_progress=False)
    for again in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert type(again) is type(found) and again.faults == found.faults
        assert list(again.faults) == [1] and again.faults is not found.faults
        np.testing.assert_array_equal(again, found)
    assert pickle.loads(pickle.dumps(found + 1)).faults is None


def test_deep_grey_that_is_no_files_own_is_a_fault(model):
    deep = PIL.Image.fromarray(np.full((40, 20), 40_000, np.uint16))
    buffer = io.BytesIO()
    deep.save(buffer, "PNG")
    opened = PIL.Image.open(io.BytesIO(buffer.getvalue()))
    found = model.embed([opened, opened.crop((0, 0, 20, 20)), deep])
    assert list(found.faults) == [1, 2] and "16 bits a pixel" in found.faults[1]
    np.testing.assert_allclose(found[:1], model.embed(buffer.getvalue()), rtol=1e-5)


def test_a_hits_score_is_the_likeness_times_the_probes_length(model, tmp_path):
    images = [dummy_images.pixels(i, 40, 20) for i in range(2)]
    feature = model.embed(images[0])
    with dimn_tf.Gallery.create(tmp_path, model.sha256, model.dimension) as gallery:
        gallery.add([dimn_tf.Entry("b", model.enroll(images[1])[0])])
        ((hit,),) = gallery.search(feature, k=1)
    compared = model.compare(*images)
    likeness = hit.score / np.linalg.norm(feature)
    assert likeness == pytest.approx(compared.likeness, rel=1e-5)
    scale = model.served.inner_product_scale
    assert scale != 1 and hit.score * scale == pytest.approx(compared.score, rel=1e-5)


def test_what_the_model_finds_nothing_in_is_told(model, monkeypatch):
    answer = model_lib.served_model.Answer(
        np.array([[0.0] * 5, [1, 2, 3, 4, np.inf], [1] * 5], np.float32), ("",) * 3
    )
    monkeypatch.setattr(model.served, "probe_features", lambda files: answer)
    found = model.embed([dummy_images.pixels(i) for i in range(3)])
    assert found.faults == dict.fromkeys((0, 1), "the model finds nothing in it")
    assert np.isnan(found[:2]).all() and (found[2] == 1).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "a int; expected a path"),
        (io.BytesIO(b"a line\nanother"), "images: a BytesIO; expected a path"),
        (io.BytesIO(), "images: a BytesIO; expected a path"),
        (io.StringIO("a.jpg\nb.jpg"), "images: a StringIO; expected a path"),
        ([io.BytesIO()], "image 0 is a BytesIO; expected a path"),
        ([b"x", None], "image 1 is a NoneType"),
        ([np.zeros((4, 4, 3))], r"image 0 is an array of float64 \[4, 4, 3\]"),
        (np.zeros((4, 4), np.uint8), r"image 0 is an array of uint8 \[4, 4\]"),
        ([np.zeros((4, 4, 4), np.uint8)], r"uint8 \[4, 4, 4\].*RGB pixels"),
    ],
)
def test_what_is_no_kind_of_image_is_a_mistake(model, given, said):
    with pytest.raises(errors.UserError, match=said):
        model.embed(given)


def test_batches_change_nothing_and_hold_no_more_than_asked_for(model, monkeypatch):
    images = [dummy_images.pixels(i, 30 + i, 20) for i in range(7)]
    whole = model.embed(images)
    seen, call = [], model.served.probe_features

    def counted(files):
        seen.append(len(files))
        return call(files)

    monkeypatch.setattr(model.served, "probe_features", counted)
    np.testing.assert_allclose(model.embed(images, batch_size=3), whole, rtol=1e-5)
    assert seen == [3, 3, 1]
    seen.clear()
    monkeypatch.setattr(model_lib, "_BATCH_BYTES", 5000)
    np.testing.assert_allclose(model.embed(images), whole, rtol=1e-5)
    assert sum(seen) == 7 and 1 < max(seen) < 4
    with pytest.raises(errors.UserError, match="batch_size=0"):
        model.embed(images, batch_size=0)


def test_progress_of_long_lists_is_told_on_stderr(model, monkeypatch, capsys):
    monkeypatch.setattr(progress, "_SHORT_SECONDS", 0.0)
    images = [dummy_images.pixels(i) for i in range(3)]
    model.embed(images, show_progress=False)
    assert capsys.readouterr() == ("", "")
    model.embed(images)
    out, err = capsys.readouterr()
    assert out == "" and "images to vectors: 3/3 images" in err


def test_likeness_and_threshold_are_those_of_the_arithmetic(model, monkeypatch):
    probe, enrolled = (dummy_images.pixels(i, 40, 20) for i in (5, 6))
    p, g = (
        np.asarray(v, np.float64)[0]
        for v in (model.embed(probe), model.enroll(enrolled))
    )
    likeness = sum(p * g) / sum(p * p) ** 0.5
    found = model.compare(probe, enrolled)
    np.testing.assert_allclose(found.likeness, likeness, rtol=1e-5)
    np.testing.assert_allclose(found.score, 3 * sum(p * g), rtol=1e-5)
    assert (found.threshold, found.passes, found.false_accepts) == (None,) * 3
    with pytest.raises(errors.UserError, match="100: .* holds thresholds for none"):
        model.compare(probe, enrolled, false_accepts=100)
    thresholds = {"measure": measures.LIKENESS, "thresholds": ROWS}
    monkeypatch.setitem(model.served.metadata, "thresholds", thresholds)
    found = model.compare(probe, enrolled)
    assert (found.threshold, found.false_accepts) == (0.25, 1000)
    assert found.passes is bool(likeness >= 0.25)
    for score in (likeness - 1e-3, likeness + 1e-3):
        rows = [{"one_in": 100, "score": score}]
        thresholds = {"measure": measures.LIKENESS, "thresholds": rows}
        monkeypatch.setitem(model.served.metadata, "thresholds", thresholds)
        assert model.compare(probe, enrolled).threshold is None
        found = model.compare(probe, enrolled, false_accepts=100)
        assert found.passes is bool(score < likeness)


def test_what_cannot_be_compared_is_named(model, aggregation_export):
    good = dummy_images.pixels(5, 40, 20)
    with pytest.raises(errors.UserError, match=r"enrolled: no\.jpg cannot .* No such"):
        model.compare(good, "no.jpg")
    with pytest.raises(errors.UserError, match="probe: image 0 cannot .* no kind of"):
        model.compare(b"bad", good)
    with pytest.raises(errors.UserError, match="2 images where one"):
        model.compare([good, good], good)
    euclidean = dimn_tf.load(aggregation_export.folder)
    with pytest.raises(errors.UserError, match="is no inner product"):
        euclidean.compare(good, good)


def test_a_gallery_takes_and_finds_what_the_model_gives(model, tmp_path):
    images = [dummy_images.pixels(i, 40, 20) for i in range(4)]
    folder = tmp_path / "people"
    with dimn_tf.Gallery.create(folder, model.sha256, model.dimension) as gallery:
        gallery.add(
            [
                dimn_tf.Entry(str(i), vector, person_id=f"p{i}")
                for i, vector in enumerate(model.enroll(images))
            ]
        )
    with dimn_tf.open_gallery(str(folder), model.sha256) as gallery:
        (hits,) = gallery.search(model.embed(images[2]), k=4)
    scores = np.asarray(model.embed(images[2])) @ np.asarray(model.enroll(images)).T
    order = np.argsort(-scores[0])
    assert [hit.person_id for hit in hits] == [f"p{i}" for i in order]


def test_the_model_says_what_it_is(model, halves_export):
    assert model.sha256 == halves_export.model.sha256 and model.dimension == 5
    assert repr(model) == (
        f"dimn_tf.load({str(halves_export.folder)!r}, {model.runtime!r})"
    )
    assert isinstance(model.served.folder, pathlib.Path)
