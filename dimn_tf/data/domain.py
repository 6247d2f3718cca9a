"""The training images of one source data set."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from dimn_tf import errors
from dimn_tf.data import holdout as holdouts
from dimn_tf.data import records as records_module


@dataclasses.dataclass(frozen=True, eq=False)
class Domain:
    """The training images of one source, sorted by label.

    Attributes:
        records: where the pixels are.
        first_label: label of the domain's first identity; the others follow on.
        person_ids: int64 [C_m], raw person id of each identity.
        offsets: int64 [C_m + 1]; identity i has the images offsets[i] to
            offsets[i + 1] - 1 of the arrays below.
        image_indices: int64 [n], positions in `records`.
        cameras: int64 [n], raw camera ids.
        first_camera: number of the domain's first camera; the others follow on.
        holdout: raw person ids set aside, sorted.
        holdout_images: how many images those have.
    """

    records: records_module.ReidRecords
    first_label: int
    person_ids: np.ndarray
    offsets: np.ndarray
    image_indices: np.ndarray
    cameras: np.ndarray
    first_camera: int = 0
    holdout: tuple[int, ...] = ()
    holdout_images: int = 0

    @property
    def reference(self) -> str:
        """TFDS name of the data set."""
        return self.records.reference

    @property
    def num_identities(self) -> int:
        """C_m, identities to train on."""
        return len(self.person_ids)

    @property
    def num_images(self) -> int:
        """Images to train on."""
        return len(self.image_indices)

    @property
    def labels(self) -> np.ndarray:
        """int32 [n], label of each image."""
        identities = np.arange(self.num_identities, dtype=np.int32)
        return self.first_label + np.repeat(identities, np.diff(self.offsets))

    @functools.cached_property
    def camera_ids(self) -> np.ndarray:
        """int64, raw ids of the cameras of the images to train on, ascending.

        Images of unknown camera have one id, commonly 0: that counts as one camera.
        """
        return np.unique(self.cameras)

    @functools.cached_property
    def camera_labels(self) -> np.ndarray:
        """int32 [n], number of each image's camera over all sources."""
        positions = np.searchsorted(self.camera_ids, self.cameras)
        return (self.first_camera + positions).astype(np.int32)


def build_domain(
    source: records_module.ReidRecords,
    first_label: int,
    holdout_identities: int,
    seed: int,
    holdout: Sequence[int] | None,
    first_camera: int = 0,
) -> Domain:
    """Sorts a source's images by identity and sets the held-out ones aside."""
    keep = ~np.isin(source.person_ids, np.array(source.non_identities, np.int64))
    if source.training_splits:
        keep &= np.isin(source.splits, source.training_splits)
        if not keep.any():
            raise errors.UserError(
                f"{source.reference}: none of its splits "
                f"{', '.join(sorted(set(source.splits.tolist())))} is trained on; "
                f"expected {' or '.join(source.training_splits)}. Name the split to "
                "train on so, or take another source."
            )
    indices = np.flatnonzero(keep)
    if holdout is None:
        holdout = holdouts.draw(source, indices, holdout_identities, seed)
    absent = np.setdiff1d(holdout, source.person_ids[indices])
    if len(absent):
        raise errors.UserError(
            f"{source.reference}: the person ids {absent[:5].tolist()} are to be set "
            "aside but are none of its identities: was the record of held-out "
            "identities written for another build of it?"
        )
    held_out = np.isin(source.person_ids[indices], np.array(holdout, np.int64))
    kept = indices[~held_out]
    if not len(kept):
        raise errors.UserError(
            f"{source.reference}: found no identity to train on beside the "
            f"{len(holdout)} of --holdout_identities; lower that flag."
        )
    kept = kept[np.argsort(source.person_ids[kept], kind="stable")]
    person_ids, counts = np.unique(source.person_ids[kept], return_counts=True)
    return Domain(
        records=source,
        first_label=first_label,
        person_ids=person_ids,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        image_indices=kept,
        cameras=source.camera_ids[kept],
        first_camera=first_camera,
        holdout=tuple(sorted(int(person) for person in holdout)),
        holdout_images=int(held_out.sum()),
    )
