"""Limits that contradict each other, and numbers beyond what they are of."""

import dataclasses
import inspect
import pathlib
import re

import pytest

from dimn_tf import errors
from dimn_tf.service import connections, options


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
