"""What train and evaluate do before anything else: data sets and targets at hand."""

import json
import os
from collections.abc import Sequence

from data_builders import registry
from dimn_tf import errors, files
from dimn_tf.data import domain, holdout, records
from dimn_tf.evaluation import evaluator, seen_in_training
from dimn_tf.evaluation import options as evaluation_options
from dimn_tf.evaluation import targets as targets_lib
from dimn_tf.training import workdir
from experiments import flags


def refuse_missing(
    references: Sequence[str], data_dir: str, manual_dir: str | None
) -> None:
    """Looks, without building, whether all data sets are built or can be.

    Raises:
        errors.UserError: archives are missing; one line each.
    """
    references = [name for name in references if name != flags.HELDOUT]
    missing = registry.missing_archives(references, data_dir, manual_dir)
    if missing:
        raise errors.UserError(
            f"{len(missing)} of {len(references)} data sets are neither built nor can "
            "be built:\n" + "\n".join(f"  {line}" for line in missing)
        )


def refuse_unbuilt(references: Sequence[str], data_dir: str) -> None:
    """Refuses data sets that are not built, where another process builds.

    Raises:
        errors.UserError: names them.
    """
    unbuilt = [name for name in references if not registry.is_built(name, data_dir)]
    if unbuilt:
        raise errors.UserError(
            f"{', '.join(unbuilt)}: not built in --data_dir={data_dir} of this machine. "
            "Build the data sets on each before training on several "
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
) -> list[targets_lib.Target]:
    """Opens the targets and their trials.

    `heldout` becomes one target for each source that has identities set aside.

    Raises:
        errors.UserError: a target that is not there, or cannot be ranked.
    """
    found: list[targets_lib.Target] = []
    for reference in references:
        if reference != flags.HELDOUT:
            found.append(targets_lib.load_target(reference, data_dir, options))
            continue
        persons = holdout.load(directory.holdout)
        if not any(persons.values()):
            raise errors.UserError(
                f"--targets={flags.HELDOUT}: {directory.holdout} sets no identity "
                "aside. Train with --holdout_identities=N."
            )
        for source, ids in persons.items():
            opened = records.load_records(source, data_dir)
            found.append(targets_lib.heldout_target(opened, ids, options))
    for target in found:
        evaluator.refuse_unrankable(target, options.unmatched_probes)
    return found


def with_seen(
    found: Sequence[targets_lib.Target],
    sources: Sequence[str],
    directory: workdir.WorkDir,
    data_dir: str,
) -> list[targets_lib.Target]:
    """Targets, each with what of it a trained run has seen.

    Only sources that a target can share images with are opened.

    Args:
        found: The targets.
        sources: Of the run.
        directory: The run's, with its record of who was set aside.
        data_dir: Where the built data sets are.
    """
    names = [target.records.reference for target in found]
    shared = [
        source
        for source in sources
        if any(seen_in_training.may_share_images(source, name) for name in names)
    ]
    if not shared:
        return list(found)
    aside = holdout.load(directory.holdout)
    unbuilt = [s for s in shared if not registry.is_built(s, data_dir)]
    if unbuilt:
        raise errors.UserError(
            f"{', '.join(unbuilt)}: trained on, and not built in "
            f"--data_dir={data_dir}, so that nobody can tell what of the targets was "
            "trained on. Name the folder that training used, or build it there "
            "(python -m experiments.build_datasets)."
        )
    domains = [
        domain.build_domain(
            records.load_records(source, data_dir), 0, 0, 0, aside.get(source, [])
        )
        for source in shared
    ]
    return [seen_in_training.with_seen(target, domains) for target in found]


def remember_places(
    directory: workdir.WorkDir,
    targets: Sequence[str],
    data_dir: str,
    manual_dir: str,
    encoder_weights: str,
) -> None:
    """Records where a run's files are, so that `evaluate --workdir=W` finds them."""
    if encoder_weights not in ("none", "imagenet"):
        encoder_weights = os.path.abspath(encoder_weights)
    places = {
        "targets": list(targets),
        "data_dir": os.path.abspath(data_dir),
        "manual_dir": os.path.abspath(manual_dir),
        "encoder_weights": encoder_weights,
    }
    with files.replacing(directory.places) as partial:
        partial.write_text(json.dumps(places, indent=2) + "\n")


def recall_places(directory: workdir.WorkDir) -> dict[str, object]:
    """What `remember_places` recorded; empty where nothing was."""
    if not directory.places.is_file():
        return {}
    return json.loads(directory.places.read_text())
