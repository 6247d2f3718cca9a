import pytest

from dimn_tf import errors
from dimn_tf.data import batch_request


def test_images_a_step():
    assert batch_request.BatchRequest(32).images == 64
    request = batch_request.BatchRequest(5, images_per_identity=4, batches=3)
    assert request.images == 60


def test_the_papers_batch_is_the_default():
    asked = batch_request.BatchRequest(32)
    assert (asked.images_per_identity, asked.batches) == (2, 1)
    assert asked.domain_sampling == "uniform" and not asked.cross_camera
    kinds = ("uniform", "proportional", "by_images", "all", "quota")
    assert kinds == batch_request.DOMAIN_SAMPLING
    for kind in kinds:
        assert batch_request.BatchRequest(1, 1, kind).images == 1


def test_one_batch_has_no_axis_of_its_own():
    assert batch_request.BatchRequest(4).leading == ()
    for batches in (2, 3):
        assert batch_request.BatchRequest(4, batches=batches).leading == (batches,)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"domain_sampling": "some"}, "--domain_sampling=some"),
        ({"identities": 0}, "--identities_per_batch=0"),
        ({"images_per_identity": 0}, "--images_per_identity=0"),
        ({"batches": 0}, "batches a step=0"),
    ],
)
def test_values_out_of_range_name_the_flag(kwargs, message):
    with pytest.raises(errors.UserError) as caught:
        batch_request.BatchRequest(**({"identities": 4} | kwargs))
    assert str(caught.value).startswith(message)
