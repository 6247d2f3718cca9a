"""A picture of the training log."""

import pathlib

from dimn_tf import drawing
from dimn_tf.training import training_log

_NOT_LOSSES = ("step", "learning_rate", "images_per_second")


def plot(log: pathlib.Path, path: pathlib.Path) -> None:
    """Draws losses, accuracies and the learning rate over the steps.

    Args:
        log: The CSV that `training_log.TrainingLog` writes; nothing is drawn of an
            empty one.
        path: The PNG, written whole or not at all.
    """
    rows = training_log.read(log)
    if not rows:
        return
    steps = [row["step"] for row in rows]
    terms = [name for name in rows[0] if name not in _NOT_LOSSES]
    groups = {
        "loss (mean of an image)": [t for t in terms if not t.endswith("accuracy")],
        "accuracy on the batch": [t for t in terms if t.endswith("accuracy")],
        "learning rate": ["learning_rate"],
    }
    figure = drawing.figure(14, 4)
    axes = figure.subplots(1, 3)
    for axis, (title, names) in zip(axes, groups.items(), strict=True):
        for name in names:
            axis.plot(steps, [row[name] for row in rows], label=name.replace("_", " "))
        axis.set(title=title, xlabel="step")
        drawing.tidy(axis)
        if len(names) > 1:
            axis.legend(frameon=False)
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1)
    drawing.save(figure, path)
