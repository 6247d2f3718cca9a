"""Limits that contradict each other, and numbers beyond what they are of."""

import pytest

from dimn_tf import errors
from dimn_tf.service import options


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
