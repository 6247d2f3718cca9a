"""What plots have in common."""

import numpy as np
import pytest
from PIL import Image

from dimn_tf import drawing


def test_a_picture_has_its_size_and_each_label_once(tmp_path):
    figure = drawing.figure(3, 2)
    axes = figure.add_subplot()
    for height in (1, 2):
        axes.plot([0, 1], [height, height], label="a line", color=drawing.BLUE)
    axes.plot([0, 1], [3, 3], label="another")
    drawing.tidy(axes, "y")
    drawing.legend_once(figure, axes, loc="outside upper center")
    drawing.save(figure, tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (360, 240))
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert (pixels == [0x00, 0x72, 0xB2]).all(axis=1).any()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["a line", "another"]
    assert not axes.spines["top"].get_visible()


def test_a_failed_drawing_leaves_the_picture_that_is_there(tmp_path, monkeypatch):
    path = tmp_path / "p.png"
    drawing.save(drawing.figure(1, 1), path)
    before = path.read_bytes()
    broken = drawing.figure(1, 1)

    def fail(place, **_):
        place.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(broken, "savefig", fail)
    with pytest.raises(OSError, match="no space left"):
        drawing.save(broken, path)
    assert [p.name for p in tmp_path.iterdir()] == ["p.png"]
    assert path.read_bytes() == before
