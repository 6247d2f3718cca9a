"""Accuracy over episodes: by hand, and by features as by images."""

import numpy as np
import pytest

from dimn_tf import errors, fewshot
from dimn_tf.fewshot import class_space, episodes, evaluation
from dimn_tf.training import build
from tests.dimn_tf.fewshot import made_up


@pytest.fixture(scope="module")
def images():
    return class_space.images_of(made_up.space("test"), made_up.SIZE, made_up.SIZE)


def _drawn(shots=2, queries=4):
    return episodes.Episodes(made_up.space("test"), 5, shots, queries, seed=1)


def _method(name, **options):
    return build.for_inference(made_up.recipe_of(name, **options), restored=False)


def test_mean_and_interval_by_hand():
    found = evaluation.Accuracy(np.array([0.2, 0.6, 0.4, 0.8]))
    assert found.mean == pytest.approx(50)
    # The squares of the deviations from 0.5: 0.09, 0.01, 0.01, 0.09; over 3.
    spread = np.sqrt(0.2 / 3)
    assert found.interval == pytest.approx(100 * 1.96 * spread / 2)


class _Told(fewshot.FewShotMethod):
    """Scores that are known: the query's own brightness tells the class."""

    statistics = ("moving",)

    def __init__(self, wrong):
        self.wrong = wrong

    def episode_scores(self, support, queries, statistics):
        count = len(support) * (len(queries) // len(support))
        scores = np.zeros((count, len(support)))
        right = np.repeat(np.arange(len(support)), count // len(support))
        right[: self.wrong] = (right[: self.wrong] + 1) % len(support)
        scores[np.arange(count), right] = 1
        return scores

    train_step = scores_of_images = None


@pytest.mark.parametrize("wrong", [0, 3, 20])
def test_a_query_is_right_where_its_class_has_the_highest_score(images, wrong):
    told = _Told.__new__(_Told)
    told.__dict__["wrong"] = wrong
    found = evaluation.evaluate(told, images, _drawn(), 6)
    np.testing.assert_allclose(found.of_episodes, [1 - wrong / 20] * 6)


@pytest.mark.parametrize(
    "name", ["dimn", "ppa", "proto_net", pytest.param("matching_net")]
)
def test_features_encoded_once_give_what_each_episode_gives(images, name):
    method = _method(name)
    drawn = _drawn()
    found = evaluation.evaluate(method, images, drawn, 55, "moving")
    expected = []
    for number in range(55):
        episode = drawn.episode(number)
        scores = method.episode_scores(
            images[episode.support], images[episode.queries.ravel()], "moving"
        )
        right = np.repeat(np.arange(5), 4)
        expected.append((np.argmax(scores, axis=-1) == right).mean())
    # A near tie may fall otherwise in a product of another shape.
    difference = np.abs(found.of_episodes - expected)
    assert np.count_nonzero(difference > 1e-9) <= 3 and difference.max() < 0.051
    assert 0.1 < found.of_episodes.mean() < 1


def test_other_statistics_are_refused(images):
    with pytest.raises(errors.UserError, match="MAML can be tested with episode or"):
        evaluation.evaluate(_method("maml"), images, _drawn(), 2, "moving")


def test_scores_that_tell_nothing_are_no_accuracy(images):
    method = _method("dimn")
    for norm in method.encoder.backbone.layers:
        if hasattr(norm, "moving_mean"):
            norm.gamma.assign(norm.gamma * 0)
    with pytest.raises(errors.UserError, match="scores are the same for all classes"):
        evaluation.evaluate(method, images, _drawn(), 2)
    method = _method("maml")
    method.classifier.kernel.assign(method.classifier.kernel * np.nan)
    with pytest.raises(errors.UserError, match="scores are not finite"):
        evaluation.evaluate(method, images, _drawn(), 2)
