"""Whether runs can stand in one table: trained and judged alike but for their rows."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from dimn_tf import errors, standard_json
from dimn_tf.comparison import place, rows
from dimn_tf.evaluation import options as evaluation_options
from dimn_tf.evaluation import results_files
from dimn_tf.training import recipe

FREE = ("evaluation_batch_size", "ranked_probes")
"""Options that change no figure."""
_APART = (*FREE, "seed", "train_steps", "train_images", "encoder_weights")
"""Options that rows differ in: a budget in images is another number of steps each;
weights are compared by encoder."""


def completed(name: str, flags: Mapping[str, Any]) -> dict[str, Any]:
    """A run's flags with those that an older version did not know yet.

    It ran as these are unless they are given.

    Args:
        name: Of its row.
        flags: As its results record them.
    """
    return {**_defaults(name), **flags}


def _defaults(name: str) -> dict[str, Any]:
    """What a run of a row records where nothing is given, as it is read back."""
    values = {
        **recipe.from_values(rows.ROWS[name].options).recorded(),
        **dataclasses.asdict(evaluation_options.EvaluationOptions()),
    }
    return json.loads(standard_json.text(values))


def refuse_unlike(flags_of: Mapping[place.Place, Mapping[str, Any]]) -> None:
    """Refuses runs that differ in more than their rows do.

    An option that is given is given to all rows that have it and do not set it
    themselves; where two differ, each must have its own row's default.

    Args:
        flags_of: A run's flags as its results record them.

    Raises:
        errors.UserError: names the flag and both files.
    """
    seen: dict[str, list[tuple[Any, bool, pathlib.Path]]] = {}
    for where, flags in flags_of.items():
        row, defaults = rows.ROWS[where.name], _defaults(where.name)
        compared = {
            option: (value, option in defaults and value == defaults[option])
            for option, value in completed(where.name, flags).items()
            if option not in (*_APART, *row.options)
        }
        weights = f"encoder_weights of {flags.get('encoder')}"
        compared[weights] = (flags.get("encoder_weights"), False)
        for option, (value, is_default) in compared.items():
            for other, other_is_default, path in seen.get(option, ()):
                if value != other and not (is_default and other_is_default):
                    raise errors.UserError(
                        f"{where.results}: --{option}: {value}, but {other} in {path}. "
                        "Rows of one table are trained and judged alike: give the flag "
                        "as it was, move one of the files away, or name another "
                        "--results_dir"
                    )
            seen.setdefault(option, []).append((value, is_default, where.results))


def refuse_other_trials(
    figures_of: Mapping[place.Place, Mapping[str, Any]],
) -> None:
    """Refuses results that were judged on other targets, or on other trials of them.

    Args:
        figures_of: A run's results.

    Raises:
        errors.UserError: names the targets and both files.
    """
    first: tuple[dict[str, Any], pathlib.Path] | None = None
    labelled: dict[str, tuple[Mapping[str, Any], pathlib.Path]] = {}
    for where, figures in figures_of.items():
        trials = {
            target: found.get("trials_sha256")
            for target, found in figures["targets"].items()
        }
        first = first or (trials, where.results)
        if trials != first[0]:
            differing = sorted(
                target
                for target in trials.keys() | first[0].keys()
                if trials.get(target) != first[0].get(target)
            )
            raise errors.UserError(
                f"{where.results}: not judged on the trials of {first[1]}: "
                f"{', '.join(differing)} differ. Rows of one table are judged alike: "
                "move one of the files away, or name another --results_dir"
            )
        for target, found in figures["targets"].items():
            told, path = labelled.get(target, (found, where.results))
            if results_files.labelled_otherwise({target: found}, {target: told}):
                raise errors.UserError(
                    f"{where.results}: persons or cameras of {target}'s images are not "
                    f"those of {path}. Rows of one table are judged alike: move one of "
                    "the files away, or name another --results_dir"
                )
            if found.get("images_sha256"):
                labelled.setdefault(target, (found, where.results))


def refuse_other_sources(
    figures_of: Mapping[place.Place, Mapping[str, Any]],
) -> None:
    """Refuses runs that were trained on other images of sources of the same names.

    Data sets that are built anew from fuller archives keep their names. With
    --holdout_identities a seed sets its own people aside, so that runs are compared
    seed by seed. Where an older version kept no hash, the number of images is compared.

    Args:
        figures_of: A run's results, as `place.Place.keep` leaves them.

    Raises:
        errors.UserError: names both files.
    """
    seen: dict[int | None, list[tuple[str | None, int, pathlib.Path]]] = {}
    for where, figures in figures_of.items():
        found = figures.get("sources_sha256")
        images = figures["cost"]["training_images"]
        has_holdout = figures["flags"].get("holdout_identities")
        others = seen.setdefault(where.seed if has_holdout else None, [])
        for other, other_images, path in others:
            both = found and other
            if found != other if both else images != other_images:
                names = ", of other names, persons or cameras" if both else ""
                raise errors.UserError(
                    f"{where.results}: trained on {images:,} images, {path} on "
                    f"{other_images:,}{names if images == other_images else ''}: the "
                    "sources were built anew from other archives in between. Rows of "
                    "one table are trained on the same images: build the sources as "
                    "they were, or move one of the files away and its run in --workdir "
                    "too, or name another --results_dir and --workdir"
                )
        others.append((found, images, where.results))
