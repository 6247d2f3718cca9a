"""Steps are chosen on the validation classes, and tested on the test classes."""

import numpy as np

from dimn_tf.fewshot import class_space, episodes, evaluation, options, run
from dimn_tf.training import workdir
from tests.dimn_tf.fewshot import made_up

TEST = options.TestOptions(test_queries=4, test_episodes=20, validation_episodes=6)


def test_each_split_is_taken_for_what_it_is_for(tmp_path, monkeypatch):
    for split, count in (("val", 7), ("test", 9)):
        monkeypatch.setitem(made_up.CLASSES, split, count)
    spaces = {split: made_up.space.__wrapped__(split) for split in made_up.CLASSES}
    monkeypatch.setattr(
        class_space, "load", lambda name, split, data_dir: spaces[split]
    )
    images = {
        split: class_space.images_of(space, made_up.SIZE, made_up.SIZE)
        for split, space in spaces.items()
    }
    calls, evaluate = [], evaluation.evaluate

    def spy(method, images, drawn, count, *others):
        calls.append((images, drawn, count))
        return evaluate(method, images, drawn, count, *others)

    monkeypatch.setattr(evaluation, "evaluate", spy)
    recipe = made_up.recipe_of("dimn", evaluate_every=5)
    run.train_and_test(recipe, TEST, workdir.WorkDir(tmp_path), "", lambda line: None)
    expected = [("val", 1, 6), ("val", 5, 6)] * 2 + [("test", 1, 20)]
    for (taken, drawn, count), (split, shots, wanted) in zip(
        calls, expected, strict=True
    ):
        np.testing.assert_array_equal(taken, images[split])
        assert count == wanted
        own = episodes.Episodes(spaces[split], 5, shots, 4, TEST.episode_seed)
        for number in range(count):
            found, right = drawn.episode(number), own.episode(number)
            np.testing.assert_array_equal(found.support, right.support)
            np.testing.assert_array_equal(found.queries, right.queries)
