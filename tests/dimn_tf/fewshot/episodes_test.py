"""Episodes: no image twice, no class of another split, the same for the same seed."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.fewshot import class_space, episodes
from tests.dimn_tf.fewshot import made_up


def _episodes(seed=0, split="test", ways=5, shots=3, queries=6):
    return episodes.Episodes(made_up.space(split), ways, shots, queries, seed)


def test_support_and_queries_share_no_image_and_are_of_their_class():
    drawn, classes = _episodes(), set()
    for number in range(50):
        episode = drawn.episode(number)
        assert episode.support.shape == (5, 3) and episode.queries.shape == (5, 6)
        both = np.concatenate([episode.support, episode.queries], axis=1)
        assert len(set(both.ravel())) == both.size
        # Images lie in the order of their labels, 20 of each class.
        np.testing.assert_array_equal(both // 20, episode.classes[:, None] + 0 * both)
        assert len(set(episode.classes)) == 5
        classes |= set(episode.classes.tolist())
    assert classes == set(range(8))


def test_an_episode_hangs_on_seed_and_number_alone():
    first, again, other = _episodes(), _episodes(), _episodes(seed=1)
    for number in (7, 0, 7):
        a, b, c = (d.episode(number) for d in (first, again, other))
        np.testing.assert_array_equal(a.support, b.support)
        np.testing.assert_array_equal(a.queries, b.queries)
        assert (a.support != c.support).any()
    assert (first.episode(1).support != first.episode(2).support).any()


def test_a_class_may_stand_at_every_output():
    drawn, found = _episodes(ways=8, shots=1, queries=1), set()
    for number in range(200):
        for place, label in enumerate(drawn.episode(number).classes):
            found.add((place, int(label)))
    assert len(found) == 64


def test_classes_of_too_few_images_are_refused():
    _episodes(shots=5, queries=15)
    with pytest.raises(errors.UserError, match="expected at least 21"):
        _episodes(shots=6, queries=15)
    with pytest.raises(errors.UserError, match="--ways=9: made_up/test has 8 classes"):
        _episodes(ways=9)


def test_images_are_in_the_order_of_their_labels():
    space = made_up.space("val")
    images = class_space.images_of(space, 16, 16)
    assert images.shape == (160, 16, 16, 3) and images.dtype == np.uint8
    (domain,) = space.domains
    import io

    from PIL import Image

    for place in (0, 19, 20, 159):
        (encoded,) = domain.records.encoded_images([domain.image_indices[place]])
        np.testing.assert_array_equal(images[place], Image.open(io.BytesIO(encoded)))
