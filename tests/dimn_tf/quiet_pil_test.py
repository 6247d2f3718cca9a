"""PIL says nothing while images are decoded, and the process' filters stay its own."""

import io
import threading
import warnings

import numpy as np
import PIL.Image
import pytest

from data_builders import dummy_images
from dimn_tf import images, quiet_pil


def _warned_of() -> bytes:
    """A palette whose entries are more or less transparent: PIL warns of its RGB."""
    image = PIL.Image.fromarray(dummy_images.pixels(1)).convert("P")
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", transparency=bytes(range(200)))
    return buffer.getvalue()


@pytest.fixture
def errors_of_warnings():
    """As `python -W error` has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.usefixtures("errors_of_warnings")
def test_what_pil_warns_of_fails_no_image():
    encoded = _warned_of()
    with PIL.Image.open(io.BytesIO(encoded)) as image:
        with pytest.raises(UserWarning, match="Transparency"):
            image.convert("RGB")
    with PIL.Image.open(io.BytesIO(encoded)) as image:
        given = images.pixels_of(image)
    np.testing.assert_array_equal(images.decoded(encoded), given)
    with pytest.raises(UserWarning, match="ours"):
        with quiet_pil.silence():
            warnings.warn("ours", stacklevel=1)


def test_threads_leave_the_filters_as_they_were(monkeypatch):
    """The first thread goes out while the second is still within."""
    encoded, before = _warned_of(), list(warnings.filters)
    both, first_is_out = threading.Barrier(2), threading.Event()
    rgb, second = images.image_pixels.rgb, []

    def slow(image, turn):
        if both.wait(60) == 1:  # One of them.
            second.append(threading.get_ident())
            assert first_is_out.wait(60)
        return rgb(image, turn)

    monkeypatch.setattr(images.image_pixels, "rgb", slow)

    def decode():
        images.decoded(encoded)
        first_is_out.set()

    threads = [threading.Thread(target=decode) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert second and warnings.filters == before


def test_filters_that_others_put_there_meanwhile_stay():
    with warnings.catch_warnings():
        with quiet_pil.silence(), quiet_pil.silence():
            warnings.filterwarnings("ignore", "somebody's")
            held = list(warnings.filters)
        assert len(warnings.filters) == len(held) - 1
        assert any(row[1] and row[1].pattern == "somebody's" for row in held)
        warnings.filters[:] = held  # As another thread's `catch_warnings` may do.
        with quiet_pil.silence():
            pass
        assert len(warnings.filters) == len(held) - 1
