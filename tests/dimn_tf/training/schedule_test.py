"""The learning rate against the paper's two ends."""

import keras
import pytest

from dimn_tf import errors
from dimn_tf.training import options, schedule


def test_decays_exponentially_from_start_to_end():
    rate = schedule.decay("exponential", 3.5e-4, 1e-4, [180_000])
    assert float(rate(0)) == pytest.approx(3.5e-4)
    assert float(rate(180_000)) == pytest.approx(1e-4)
    # The geometric mean half-way: sqrt(3.5) * 1e-4.
    assert float(rate(90_000)) == pytest.approx(1.8708287e-4)


def test_every_choice_falls_from_start_to_end_in_its_own_way():
    rates = [schedule.decay(kind, 1.0, 0.25, [100]) for kind in options.DECAYS]
    for rate in rates:
        assert [float(rate(t)) for t in (0, 100)] == pytest.approx([1, 0.25])
    assert len({round(float(rate(50)), 4) for rate in rates}) == len(options.DECAYS)


def test_warm_up_rises_evenly_to_the_schedule():
    plain = schedule.decay("exponential", 1.0, 0.5, [100])
    warm = schedule.decay("exponential", 1.0, 0.5, [100], warmup_steps=4)
    ratios = [float(warm(t)) / float(plain(t)) for t in range(6)]
    assert ratios == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])


def test_each_of_several_stretches_falls_from_start_to_end():
    made = schedule.decay("exponential", 1.0, 0.25, (10, 4, 100))
    one = schedule.decay("exponential", 1.0, 0.25, (10,))
    assert [float(made(t)) for t in range(10)] == pytest.approx(
        [float(one(t)) for t in range(10)]
    )
    # Half-way: 0.5. Then the next stretch; after the last it goes on falling.
    found = [float(made(t)) for t in (5, 9, 10, 12, 14, 64, 114)]
    assert found == pytest.approx([0.5, 0.25**0.9, 1, 0.5, 1, 0.5, 0.25])


@pytest.mark.parametrize("stretches", [[100], [30, 70]])
@pytest.mark.parametrize("warmup_steps", [0, 4])
def test_a_saved_schedule_is_the_same(warmup_steps, stretches):
    made = schedule.decay("exponential", 1.0, 0.5, stretches, warmup_steps)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(made)
    )
    for step in (0, 2, 50):
        assert float(again(step)) == pytest.approx(float(made(step)))


def test_without_warm_up_the_schedule_is_keras_own():
    made = schedule.decay("exponential", 1.0, 0.5, [100])
    assert type(made) is keras.optimizers.schedules.ExponentialDecay
    # Within a step it goes on falling: no staircase.
    assert float(made(1)) == pytest.approx(0.5**0.01)


def test_cosine_falls_from_start_to_end_slowly_at_both():
    rate = schedule.decay("cosine", 1.0, 0.2, [100])
    found = [float(rate(t)) for t in (0, 25, 50, 75, 100, 150)]
    # 0.2 + 0.8 (1 + cos(pi t / 100)) / 2, and the end from then on.
    expected = [1.0, 0.2 + 0.8 * 0.853553, 0.6, 0.2 + 0.8 * 0.146447, 0.2, 0.2]
    assert found == pytest.approx(expected, abs=1e-6)
    warm = schedule.decay("cosine", 1.0, 0.2, [100], warmup_steps=4)
    assert float(warm(1)) == pytest.approx(0.5 * float(rate(1)))


def test_cosine_over_stretches_is_refused():
    with pytest.raises(errors.UserError, match="--learning_rate_decay=cosine: "):
        schedule.decay("cosine", 1.0, 0.2, [30, 70])
