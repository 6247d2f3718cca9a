"""The learning rate's schedule."""

import keras


def exponential_decay(
    start: float, end: float, train_steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """start * (end / start) ** (step / train_steps) (paper, section 4.1).

    Args:
        start: Learning rate of step 0 (paper: 3.5e-4).
        end: Learning rate reached after `train_steps` (paper: 1e-4).
        train_steps: Iterations (paper: 180,000).
    """
    return keras.optimizers.schedules.ExponentialDecay(
        initial_learning_rate=start, decay_steps=train_steps, decay_rate=end / start
    )
