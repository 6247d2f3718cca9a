"""The classes of a split of a built data set, as training and episodes read them."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dimn_tf import errors, progress
from dimn_tf.data import label_space, pipeline, records

SPLITS = ("train", "val", "test")
_IMAGES_AT_A_TIME = 256


def load(reference: str, split: str, data_dir: str) -> label_space.LabelSpace:
    """The label space of a split: classes stand where persons stand elsewhere.

    Args:
        reference: TFDS name of a data set of classes, such as `mini_imagenet/partial`.
        split: One of `SPLITS`.
        data_dir: Where it is built.

    Raises:
        errors.UserError: it is not built.
    """
    return label_space.LabelSpace.build(
        [records.load_class_records(reference, data_dir, split)]
    )


def images_of(
    space: label_space.LabelSpace,
    height: int,
    width: int,
    log: Callable[[str], None] | None = None,
) -> np.ndarray:
    """All images of a split, in the order of their labels.

    They are held: a test takes each of some thousand images many times (the test
    classes' 12,000 of miniImageNet are 254 MB).

    Returns:
        uint8 [n, height, width, 3], RGB.
    """
    (domain,) = space.domains
    found = np.empty((domain.num_images, height, width, 3), np.uint8)
    done = 0
    label = f"{domain.reference}: reading images"
    with progress.bar(total=len(found), label=label, log=log) as shown:
        for batch in pipeline.image_dataset(
            domain.records, domain.image_indices, height, width, _IMAGES_AT_A_TIME
        ):
            found[done : done + len(batch)] = tf.cast(tf.round(batch), tf.uint8)
            done += len(batch)
            shown.update(len(batch))
    return found


def images_a_class(space: label_space.LabelSpace) -> np.ndarray:
    """How many images each class of a split has: int [classes]."""
    (domain,) = space.domains
    return np.diff(domain.offsets)


def refuse_few_classes(
    space: label_space.LabelSpace, needed: int, flag: str, others: int = 0
) -> None:
    """Refuses a split with fewer classes than a task has, and so many others.

    Raises:
        errors.UserError: names the flag.
    """
    if space.num_identities < needed + others:
        (domain,) = space.domains
        beside = f", and {others} at least beside them" if others else ""
        raise errors.UserError(
            f"{flag}={needed}: {domain.reference} has {space.num_identities} classes, "
            f"and a task takes that many different ones{beside}. Lower the flag."
        )


def refuse_small_classes(space: label_space.LabelSpace, needed: int, why: str) -> None:
    """Refuses classes with fewer images than an episode takes of each.

    Raises:
        errors.UserError: names the first one.
    """
    (domain,), counts = space.domains, images_a_class(space)
    if counts.min() < needed:
        raise errors.UserError(
            f"{domain.reference}: class {domain.person_ids[counts.argmin()]} has "
            f"{counts.min()} images; expected at least {needed} ({why}). Lower these, "
            "so that no image is support and query of one episode."
        )
