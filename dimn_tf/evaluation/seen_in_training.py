"""How much of a target was trained on: such figures say nothing about new people."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from dimn_tf import errors
from dimn_tf.data import own_images
from dimn_tf.evaluation import targets as targets_lib
from dimn_tf.evaluation.protocols import naming, resolved_trial


class TrainedOn(Protocol):
    """What is asked of a source; every `dimn_tf.data.domain.Domain` is one."""

    records: resolved_trial.Records
    image_indices: np.ndarray  # int64 [n], positions in the records


@dataclasses.dataclass(frozen=True)
class Seen:
    """How many of a target's persons and images were trained on.

    Attributes:
        persons: Persons of the trials with an image that was trained on, be that
            image in a trial or not.
        of_persons: Persons of the trials.
        images: Images of the trials that were trained on.
        of_images: Images of the trials.
    """

    persons: int
    of_persons: int
    images: int
    of_images: int

    def __str__(self) -> str:
        return (
            f"TRAINED ON {self.persons:,} of its {self.of_persons:,} persons and "
            f"{self.images:,} of its {self.of_images:,} images"
        )


@dataclasses.dataclass(frozen=True)
class Training:
    """What a run was trained on, as its record has it.

    Attributes:
        sources: References.
        aside: Gives the raw person ids that were set aside, by source; it is asked
            only where a source can share images with what is looked at.
        laid: Gives all its sources as they were trained on, or refuses those that have
            changed since; it is asked where `aside` is, if all of them are built. None:
            nothing tells whether they have changed.
    """

    sources: Sequence[str]
    aside: Callable[[], Mapping[str, Sequence[int]]]
    laid: Callable[[], Sequence[TrainedOn]] | None = None


def with_seen(
    target: targets_lib.Target, sources: Sequence[TrainedOn]
) -> targets_lib.Target:
    """The target, with what of it was trained on; itself where nothing was.

    Images are told by the data set and their file names in it, without extension; of
    own data, by the files themselves, whichever folder, list or link names them.

    Args:
        target: See `targets.load_target`.
        sources: What was trained on, at least those sources for which
            `may_share_images` holds.
    """
    from data_builders import registry

    records, seen = target.records, _seen(target.records, sources)
    if not seen.any():
        return target
    taking_part = np.zeros(len(seen), bool)
    for trial in target.trials:
        taking_part[trial.probe_indices] = True
        taking_part[trial.gallery_indices] = True
    strangers = registry.facts(naming.data_set(records.reference)).non_identities
    persons = np.setdiff1d(records.person_ids[taking_part], strangers)
    known = np.isin(persons, records.person_ids[seen])
    if not known.any():
        return target
    found = Seen(
        int(known.sum()),
        len(persons),
        int((seen & taking_part).sum()),
        int(taking_part.sum()),
    )
    return dataclasses.replace(target, seen_in_training=found)


def persons_seen(
    records: resolved_trial.Records, sources: Sequence[TrainedOn]
) -> np.ndarray:
    """Raw ids of the persons with an image that was trained on, sorted: int64 [n].

    Args:
        records: Of a data set.
        sources: See `with_seen`.
    """
    return np.unique(records.person_ids[_seen(records, sources)])


def _seen(records, sources: Sequence[TrainedOn]) -> np.ndarray:
    """bool [N]: which images were trained on."""
    trained = set()
    for source in sources:
        if may_share_images(source.records.reference, records.reference):
            trained.update(_files(source.records)[source.image_indices].tolist())
    if not trained:
        return np.zeros(len(records.person_ids), bool)
    return np.array([name in trained for name in _files(records).tolist()])


def domains_of_runs(
    references: Sequence[str],
    runs: Sequence[Training],
    data_dir: str,
    log: Callable[[str], None] = print,
) -> list[TrainedOn]:
    """What runs were trained on, of the sources that can share images with data sets.

    Args:
        references: Of the data sets that are looked at.
        runs: The run itself, and those that it started from.
        data_dir: Where the built data sets are.
        log: Told where it cannot be checked that such a source is what it was.

    Raises:
        errors.UserError: such a source is not built there, or has changed.
    """
    from data_builders import registry
    from dimn_tf.data import domain
    from dimn_tf.data import records as records_lib

    found = []
    for run in runs:
        shared = [
            source
            for source in run.sources
            if any(may_share_images(source, name) for name in references)
        ]
        unbuilt = [x for x in shared if not registry.is_built(x, data_dir)]
        if unbuilt:
            raise errors.UserError(
                f"{', '.join(unbuilt)}: trained on, and not built in "
                f"--data_dir={data_dir}, so that nobody can tell what of the targets "
                "was trained on. Name the folder that training used, or build it "
                "there (python -m experiments.build_datasets)."
            )
        if not shared:
            continue
        others = [x for x in run.sources if not registry.is_built(x, data_dir)]
        if run.laid and not others:
            found += [x for x in run.laid() if x.records.reference in shared]
            continue
        if run.laid:
            log(
                f"{', '.join(others)}: trained on, and not built in "
                f"--data_dir={data_dir}: whether {', '.join(shared)} is what it was "
                "cannot be checked; it is taken as it is."
            )
        aside = run.aside()
        found += [
            domain.build_domain(
                records_lib.load_records(x, data_dir), 0, 0, 0, aside.get(x, [])
            )
            for x in shared
        ]
    return found


def with_seen_of_runs(
    targets: Sequence[targets_lib.Target], runs: Sequence[Training], data_dir: str
) -> list[targets_lib.Target]:
    """Targets, each with what of it a trained run has seen; see `domains_of_runs`.

    Args:
        targets: See `targets.load_target`.
        runs: The run itself, and those that it started from.
        data_dir: Where the built data sets are.
    """
    names = [target.records.reference for target in targets]
    domains = domains_of_runs(names, runs, data_dir)
    return [with_seen(target, domains) for target in targets]


def may_share_images(one: str, other: str) -> bool:
    """Whether two references can name the same images; looks at names only."""
    from data_builders import facts, registry

    name, other_name = (registry.split_reference(x)[0] for x in (one, other))
    if name != other_name or name == registry.OWN_DATA:
        return name == other_name
    names = {registry.full_name(x) for x in (one, other)}
    one_archive = {f"{name}/{form}" for form in (facts.COMPLETE, facts.PARTIAL)}
    return len(names) == 1 or names == one_archive


def _files(records: resolved_trial.Records) -> np.ndarray:
    """What tells an image from all others of the same data set: object [N]."""
    if own_images.are_own(records.reference):
        names = own_images.places(records)
    else:  # As trials do: extracted copies are `.jpg` where the `.mat` gives `.png`.
        names = [naming.stem(file) for file in records.file_names.tolist()]
    found = np.empty(len(names), object)
    found[:] = names
    return found
