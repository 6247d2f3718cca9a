"""What train and evaluate do before anything else: data sets and targets at hand."""

import functools
from collections.abc import Mapping, Sequence

from data_builders import registry
from dimn_tf import errors
from dimn_tf.data import holdout, label_space
from dimn_tf.evaluation import evaluator, seen_in_training
from dimn_tf.evaluation import options as evaluation_options
from dimn_tf.evaluation import targets as targets_lib
from dimn_tf.training import (
    recorded_places,
    recorded_sources,
    trained_before,
    workdir,
)
from experiments import flags


def refuse_missing(
    references: Sequence[str], data_dir: str, manual_dir: str | None
) -> None:
    """Looks, without building, whether all data sets are built or can be.

    Raises:
        errors.UserError: archives are missing, one line each; or it is a data set of
            classes.
    """
    references = [name for name in references if name != flags.HELDOUT]
    registry.refuse_classes(references)
    missing = registry.missing_archives(references, data_dir, manual_dir)
    if missing:
        raise errors.UserError(
            f"{len(missing)} of {len(references)} data sets are neither built nor can "
            "be built:\n" + "\n".join(f"  {line}" for line in missing)
        )


def refuse_unbuilt(references: Sequence[str], data_dir: str) -> None:
    """Refuses data sets that are not built, where another process builds.

    Raises:
        errors.UserError: names them, or data sets of classes.
    """
    registry.refuse_classes(references)
    unbuilt = [name for name in references if not registry.is_built(name, data_dir)]
    if unbuilt:
        raise errors.UserError(
            f"{', '.join(unbuilt)}: not built in --data_dir={data_dir} of this "
            "machine. Build the data sets on each before training on several "
            "(python -m experiments.build_datasets)."
        )


def data_sets(references: Sequence[str], data_dir: str, manual_dir: str | None) -> None:
    """Builds the data sets that are not built yet; see `refuse_missing`."""
    refuse_missing(references, data_dir, manual_dir)
    for reference in references:
        if reference != flags.HELDOUT:
            registry.build(reference, data_dir, manual_dir)


def targets(
    references: Sequence[str],
    data_dir: str,
    directory: workdir.WorkDir,
    options: evaluation_options.EvaluationOptions,
    laid: bool = False,
) -> list[targets_lib.Target]:
    """Opens the targets and their trials.

    `heldout` becomes one target for each source that has identities set aside.

    Args:
        references: Of the targets.
        data_dir: Where the built data sets are.
        directory: Of the run.
        options: See `EvaluationOptions`.
        laid: Whether the run's sources are known to be what it records.

    Raises:
        errors.UserError: a target that is not there, or cannot be ranked; or sources
            of `heldout` that have changed since they were trained on.
    """
    persons: Mapping[str, Sequence[int]] = {}
    if flags.HELDOUT in references:
        persons = holdout.load(directory.holdout)
        if not any(persons.values()):
            raise errors.UserError(
                f"--targets={flags.HELDOUT}: {directory.holdout} sets no identity "
                "aside. Train with --holdout_identities=N."
            )
        if not laid:
            recorded_sources.of_run(directory, data_dir)
    return targets_beside(references, data_dir, persons, options)


def targets_beside(
    references: Sequence[str],
    data_dir: str,
    persons: Mapping[str, Sequence[int]],
    options: evaluation_options.EvaluationOptions,
) -> list[targets_lib.Target]:
    """`targets` of a run whose work directory need not be there yet.

    Args:
        references: Of the targets.
        data_dir: Where the built data sets are.
        persons: Set aside, by source; see `LabelSpace.holdout`.
        options: See `EvaluationOptions`.

    Raises:
        errors.UserError: a target that is not there, or cannot be ranked.
    """
    found: list[targets_lib.Target] = []
    for reference in references:
        if reference != flags.HELDOUT:
            found.append(targets_lib.load_target(reference, data_dir, options))
        else:
            found += targets_lib.heldout_targets(persons, data_dir, options)
    for target in found:
        evaluator.refuse_unrankable(target, options.unmatched_probes)
    return found


def with_seen(
    found: Sequence[targets_lib.Target],
    sources: Sequence[str],
    directory: workdir.WorkDir,
    data_dir: str,
) -> list[targets_lib.Target]:
    """Targets, each with what of it a trained run has seen, or one it started from.

    Raises:
        errors.UserError: a source that shares images with them is not built, or has
            changed since it was trained on.
    """
    before = trained_before.of_run(directory)
    if any(run.sources is None for run in before):
        print(
            f"{directory.root}: started from weights (--init_from) of which nothing "
            "tells what they were trained on: what they saw of the targets is not "
            "marked."
        )
    own = _training(
        sources,
        functools.partial(holdout.load, directory.holdout),
        workdir.read(directory).get("sources_sha256"),
        data_dir,
        directory.config,
    )
    runs = [own, *_runs(before, data_dir, directory)]
    return seen_in_training.with_seen_of_runs(found, runs, data_dir)


def refuse_seen_holdout(
    directory: workdir.WorkDir, space: label_space.LabelSpace, data_dir: str
) -> None:
    """Refuses to hold out people whom a run before was trained on.

    Args:
        directory: Of the run that is to be trained.
        space: What it is to be trained on.
        data_dir: Where the built data sets are.

    Raises:
        errors.UserError: names the source and how many they are.
    """
    domains = [domain for domain in space.domains if domain.holdout]
    before = trained_before.of_run(directory)
    trained = seen_in_training.domains_of_runs(
        [domain.reference for domain in domains],
        _runs(before, data_dir, directory),
        data_dir,
    )
    for domain in domains:
        seen = seen_in_training.persons_seen(domain.records, trained)
        if known := set(domain.holdout) & set(seen.tolist()):
            raise errors.UserError(
                f"--holdout_identities: the run of --init_from was trained on "
                f"{len(known):,} of the {len(domain.holdout):,} people of "
                f"{domain.reference} that are to be held out here. Start from a run "
                "with the same --holdout_identities and --seed, or hold nobody out"
            )


def _runs(
    before: Sequence[trained_before.Before], data_dir: str, directory: workdir.WorkDir
) -> list[seen_in_training.Training]:
    return [
        _training(
            run.sources or (),
            functools.partial(dict, run.holdout),
            run.sources_sha256,
            data_dir,
            directory.trained_before,
        )
        for run in before
    ]


def _training(sources, aside, sha256, data_dir, record) -> seen_in_training.Training:
    """Without a recorded hash (an older version's run) nothing can be checked."""

    def laid():
        return recorded_sources.lay(sources, aside(), sha256, data_dir, record).domains

    return seen_in_training.Training(sources, aside, laid if sha256 else None)


def domains_before(
    directory: workdir.WorkDir, found: Sequence[targets_lib.Target], data_dir: str
) -> list[seen_in_training.TrainedOn]:
    """What the runs were trained on that a run starts from, as far as targets go."""
    before = trained_before.of_run(directory)
    names = [target.records.reference for target in found]
    runs = _runs(before, data_dir, directory)
    return seen_in_training.domains_of_runs(names, runs, data_dir)


def remember_places(
    directory: workdir.WorkDir,
    targets: Sequence[str],
    data_dir: str,
    manual_dir: str,
    encoder_weights: str,
) -> None:
    """Records where a run's files are, so that `evaluate --workdir=W` finds them."""
    recorded_places.remember(
        directory.places, targets, data_dir, manual_dir, encoder_weights
    )


def recall_places(directory: workdir.WorkDir) -> dict[str, object]:
    """What `remember_places` recorded; empty where nothing was."""
    return recorded_places.recall(directory.places)
