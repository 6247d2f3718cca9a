import collections
import itertools

import numpy as np
import pytest

from dimn_tf.data import identity_images, label_space


@pytest.fixture
def domain(made_up_records):
    """Persons with 1, 2, 3 and 5 images; the last by cameras 0, 0, 1, 1, 7."""
    persons = np.repeat([1, 2, 3, 4], [1, 2, 3, 5])
    cameras = [0, 4, 4, 0, 2, 0, 0, 0, 1, 1, 7]
    source = made_up_records("a", persons, camera_ids=cameras)
    return label_space.LabelSpace.build([source]).domains[0]


def _draws(domain, identity, count, steps=2000, **kwargs):
    """How often each sequence of an identity's images (0, 1, ...) was drawn."""
    rng = np.random.default_rng(3)
    # Others beside it, so that rows could be mixed up.
    identities = np.array([0, identity, 2])
    found = collections.Counter()
    for _ in range(steps):
        drawn = identity_images.draw_images(rng, domain, identities, count, **kwargs)
        found[tuple((drawn[1] - domain.offsets[identity]).tolist())] += 1
    return found


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_order_of_images_is_drawn_alike(domain, count):
    found = _draws(domain, 2, count)
    expected = list(itertools.permutations(range(3), count))
    assert sorted(found) == expected
    mean = 2000 / len(expected)
    assert all(abs(n - mean) < 5 * mean**0.5 for n in found.values())


def test_a_new_round_of_images_starts_when_all_are_used(domain):
    found = _draws(domain, 1, 5)
    # Two images, five draws: two rounds in either order, and one image of a third.
    orders = list(itertools.permutations(range(2)))
    expected = {(*a, *b, c) for a in orders for b in orders for c in range(2)}
    assert set(found) == expected
    assert all(abs(n - 250) < 80 for n in found.values())
    assert set(_draws(domain, 0, 4, steps=5)) == {(0, 0, 0, 0)}


def test_cameras_come_again_only_when_all_have_come(domain):
    cameras = np.array([0, 0, 1, 1, 7])
    found = _draws(domain, 3, 5, cross_camera=True)
    for images in found:
        assert sorted(images) == [0, 1, 2, 3, 4]
        assert sorted(cameras[list(images[:3])]) == [0, 1, 7]
    # 120 orders of the five images; the first three are of three cameras in 3! * 2 * 2.
    assert len({images[:3] for images in found}) == 24
    assert len(found) == 48
    without = _draws(domain, 3, 3)
    assert any(len(set(cameras[list(images)])) < 3 for images in without)


def test_the_first_image_is_of_any_camera(domain):
    # By image, not by camera: the paper's first draw.
    found = collections.Counter()
    for images, times in _draws(domain, 3, 2, cross_camera=True).items():
        found[images[0]] += times
    assert all(abs(n - 400) < 100 for n in found.values())


def test_cross_camera_draws_each_image_of_other_cameras_alike(domain):
    found = _draws(domain, 3, 2, steps=4000, cross_camera=True)
    after_0 = {second: n for (first, second), n in found.items() if first == 0}
    assert sorted(after_0) == [2, 3, 4]
    mean = sum(after_0.values()) / 3
    assert all(abs(n - mean) < 5 * mean**0.5 for n in after_0.values())


def test_a_person_of_one_camera_gives_different_images_all_the_same(domain):
    assert set(_draws(domain, 1, 2, cross_camera=True)) == {(0, 1), (1, 0)}
