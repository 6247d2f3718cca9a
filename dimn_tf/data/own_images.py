"""Own data's images by their places, whichever reference lists them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dimn_tf import errors

if TYPE_CHECKING:
    from dimn_tf.data import domain as domain_module
    from dimn_tf.data import records as records_module


def are_own(reference: str) -> bool:
    """Whether a reference is one to own data; records in memory may have any name."""
    from data_builders import registry

    try:
        return registry.split_reference(reference)[0] == registry.OWN_DATA
    except errors.DataError:
        return False


def places(records: records_module.ReidRecords) -> list[str]:
    """The real path of each image of own data, behind whatever links it is listed.

    Images may be gone; their links, if they are there, are followed all the same.
    """
    from data_builders import registry
    from data_builders.reid_folder import reference

    named = reference.parse(registry.split_reference(records.reference)[1] or "")
    root = named.path.parent if named.is_csv else named.path
    folders: dict[str, str] = {}  # One look at each, not at each of its images.
    found = []
    for file in records.file_names.tolist():
        folder, name = os.path.split(os.path.join(root, file))
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        path = os.path.join(folders[folder], name)
        found.append(os.path.realpath(path) if os.path.islink(path) else path)
    return found


def refuse_shared(domains: Sequence[domain_module.Domain]) -> None:
    """Refuses sources that list the same image: its person would be two identities.

    Raises:
        errors.UserError: names both, and the first image.
    """
    held: dict[str, str] = {}
    for domain in domains:
        if not are_own(domain.reference):
            continue
        aside = np.flatnonzero(np.isin(domain.records.person_ids, domain.holdout))
        of_images = places(domain.records)
        found = {of_images[i] for i in (*domain.image_indices, *aside)}
        if shared := sorted(found & held.keys()):
            raise errors.UserError(
                f"--sources: {held[shared[0]]} and {domain.reference} both list "
                f"{len(shared):,} images (the first is {shared[0]}), whose persons "
                "would be two identities each. Name the images in one of them alone"
            )
        held.update(dict.fromkeys(found, domain.reference))
