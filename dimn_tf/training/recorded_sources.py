"""A run's sources, laid out again as it recorded them, or refused as others."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

from dimn_tf import errors
from dimn_tf.data import holdout, label_space, own_images, records
from dimn_tf.training import run, workdir


def lay(
    sources: Sequence[str],
    aside: Mapping[str, Sequence[int]],
    sha256: str | None,
    data_dir: str,
    record: pathlib.Path,
) -> label_space.LabelSpace:
    """The label space that a run was trained on.

    Raw person ids mean the same people only while a source is what it was: own data
    counts its people by their sorted names, and somebody who is added moves the others.

    Args:
        sources: References, in the order of the run.
        aside: Raw person ids that were set aside, by source.
        sha256: The recorded `sources_sha256`; None: an older version recorded none,
            and the sources are taken as they are.
        data_dir: Where the built data sets are.
        record: The file that holds the record, for the error.

    Raises:
        errors.UserError: a source is not built there, or is not what was trained on.
    """
    opened = [records.load_records(name, data_dir) for name in sources]
    space = label_space.LabelSpace.build(opened, holdout=aside)
    found = run.sha256_of(space)
    if sha256 is not None and found != sha256:
        raise _changed(sources, sha256, found, data_dir, record)
    return space


def of_run(directory: workdir.WorkDir, data_dir: str) -> label_space.LabelSpace:
    """`lay` of the run in a work directory; reads its records of both."""
    recorded = workdir.read(directory)
    return lay(
        recorded["sources"],
        holdout.load(directory.holdout),
        recorded.get("sources_sha256"),
        data_dir,
        directory.config,
    )


def _changed(sources, expected, found, data_dir, record) -> errors.UserError:
    """Points at own data, where there is some: archives seldom change."""
    own = [x for x in sources if own_images.are_own(x)]
    likely = f" Most likely {', '.join(own)} changed." if own else ""
    return errors.UserError(
        f"{', '.join(sources)}: not what the run was trained on. {record} has "
        f"sources_sha256 {expected[:12]}..., in --data_dir={data_dir} "
        f"{found[:12]}... was found, so nobody can tell who was trained on and who was "
        f"held out.{likely} Put the sources back as they were (what is new goes into a "
        "folder of its own, a source of its own), or train again in another --workdir"
    )
