"""Archives hold what they are given; shares have the right sum and bounds."""

import io
import tarfile
import zipfile

import numpy as np
import PIL.Image
import pytest

from experiments.benchmarks.rehearsal import packing

_SIZE = packing.Size(5, 4)


def test_images_have_the_size_and_the_format_of_their_names():
    formats = {"jpg": "JPEG", "png": "PNG", "bmp": "BMP"}
    for name, encoded in packing.images(("a/1.jpg", "a/2.png", "b.bmp"), _SIZE):
        with PIL.Image.open(io.BytesIO(encoded)) as image:
            assert image.size == (4, 5)
            assert image.format == formats[name[-3:]]


def test_images_differ_by_name():
    contents = [encoded for _, encoded in packing.images(("1.png", "2.png"), _SIZE)]
    assert contents[0] != contents[1]


def test_zip_and_tgz_hold_the_members(tmp_path):
    members = [("a/1", b"one"), ("a/2", b"two")]
    path = packing.write_zip(tmp_path / "x.zip", members)
    with zipfile.ZipFile(path) as file:
        assert [(n, file.read(n)) for n in file.namelist()] == members
        assert file.infolist()[0].compress_type == zipfile.ZIP_STORED
    path = packing.write_tgz(tmp_path / "x.tgz", members)
    with tarfile.open(path, "r:gz") as file:
        assert [(n, file.extractfile(n).read()) for n in file.getnames()] == members


def test_nothing_half_written_is_left(tmp_path):
    def broken():
        yield "a", b"1"
        raise OSError("no more")

    for write in (packing.write_zip, packing.write_tgz):
        with pytest.raises(OSError, match="no more"):
            write(tmp_path / "x", broken())
        assert list(tmp_path.iterdir()) == []


def test_spread():
    shares = packing.spread(1_000, 300, least=1, most=9)
    assert shares.shape == (300,)
    assert shares.sum() == 1_000
    assert 1 == shares.min() < 3 < shares.max() <= 9
    np.testing.assert_array_equal(packing.spread(1_000, 300, 1, 9), shares)
    assert (packing.spread(1_000, 300, 1, 9, seed=1) != shares).any()
    assert packing.spread(12, 4, 3, 3).tolist() == [3] * 4


@pytest.mark.parametrize("total", [3, 17])
def test_spread_that_cannot_be_done(total):
    with pytest.raises(ValueError, match="cannot be shared out among 4, 1 to 4 each"):
        packing.spread(total, 4, least=1, most=4)
