"""Limits that contradict each other, and numbers beyond what they are of."""

import dataclasses
import inspect
import pathlib
import re

import pytest

from dimn_tf import errors, images
from dimn_tf.gallery import milvus_search, places
from dimn_tf.service import connections, core, options


@pytest.mark.parametrize("days", [36_501.0, 1e9, float("inf"), float("nan"), -1.0])
def test_days_beyond_the_calendar_are_refused(days):
    with pytest.raises(errors.UserError, match="--keep_days=.*expected at"):
        options.check(options.ServiceOptions(keep_days=days))
    options.check(options.ServiceOptions(keep_days=36_500.0))


def test_a_request_that_could_never_be_taken_is_refused_at_the_start():
    made = options.ServiceOptions(images_per_request=257)
    with pytest.raises(
        errors.UserError, match="--images_per_request=257: .*--waiting_images=256"
    ):
        options.check(made)
    options.check(options.ServiceOptions(images_per_request=256))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("largest_pixels", images.LARGEST_PIXELS),
        ("largest_bytes", 2 * images.LARGEST_BYTES),  # Two images, to be compared.
        ("largest_k", milvus_search.LARGEST_K),
    ],
)
def test_more_than_what_stands_behind_it_takes_is_refused(name, most, halves_export):
    """Else the limit is told, and requests within it fail all the same."""
    gallery = "milvus:http://nowhere.invalid#people"
    assert places.largest_k(gallery) == milvus_search.LARGEST_K
    options.check(options.ServiceOptions(**{name: most}), places.largest_k(gallery))
    chosen = options.ServiceOptions(**{name: most + 1})
    place = core.Place(gallery, pathlib.Path("nowhere"))
    with pytest.raises(errors.UserError, match=f"--{name}={most + 1}: .*{most}"):
        core.Core(halves_export.model, place, chosen)


def test_a_gallery_in_a_folder_gives_all():
    options.check(options.ServiceOptions(largest_k=10**6), places.largest_k("people"))


def test_what_ray_serve_does_not_heed_is_what_connections_are_limited_by():
    """By the sources: what the register reads, no replica would."""
    read = set(re.findall(r"chosen\.(\w+)", inspect.getsource(connections)))
    assert read == set(options.OF_CONNECTIONS)
    names = {field.name for field in dataclasses.fields(options.ServiceOptions)}
    assert read < names
    for path in pathlib.Path(options.__file__).parent.glob("*.py"):
        if path.name not in ("connections.py", "options.py", "unread.py"):
            for name in read - {"connections"}:
                assert name not in path.read_text(), (path, name)
