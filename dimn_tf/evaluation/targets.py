"""The targets and the trials of each; a new protocol is one line of `TARGETS`.

Any other data set can be a target too: one probe and one gallery image of each
identity are drawn by seed, from two cameras where it has them.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dimn_tf import errors
from dimn_tf.evaluation import drawing, own_trials
from dimn_tf.evaluation import options as options_lib
from dimn_tf.evaluation import trials as trials_lib

if TYPE_CHECKING:
    from dimn_tf.evaluation import seen_in_training

_NO_OPTIONS = options_lib.EvaluationOptions()


@dataclasses.dataclass(frozen=True)
class Target:
    """A data set to match in, and its fixed trials.

    Attributes:
      name: what results are filed under, e.g. `viper` or `synthetic_reid/night`.
      records: its images.
      trials: all of the same numbers of probes and gallery images.
      trials_sha256: hash of the trials by file names.
      trials_source: where they come from, for people.
      seen_in_training: how much of it was trained on; None where nothing was, or
        where nobody looked (see `seen_in_training.with_seen`).
    """

    name: str
    records: trials_lib.Records
    trials: tuple[trials_lib.Trial, ...]
    trials_sha256: str
    trials_source: str
    seen_in_training: seen_in_training.Seen | None = None


def load_target(
    reference: str,
    data_dir: str,
    options: options_lib.EvaluationOptions = _NO_OPTIONS,
) -> Target:
    """Opens a built target with its trials.

    Args:
      reference: the target's TFDS name, e.g. `grid` or `synthetic_reid/night`.
      data_dir: TFDS' output folder.
      options: see `EvaluationOptions`.

    Raises:
      UserError: no data set of this name, a target that is not built, or one whose
        images do not fit its trials.
    """
    from dimn_tf.data import records as records_lib

    make = _trial_maker(reference)
    records = records_lib.load_records(reference, data_dir)
    return _target(reference, records, *make(records, data_dir, options))


def target_of_records(
    records: trials_lib.Records,
    options: options_lib.EvaluationOptions = _NO_OPTIONS,
    data_dir: str = "",
) -> Target:
    """Like `load_target`, of records that are open already."""
    make = _trial_maker(records.reference)
    return _target(records.reference, records, *make(records, data_dir, options))


def heldout_target(
    records: trials_lib.Records,
    person_ids: Sequence[int],
    options: options_lib.EvaluationOptions = _NO_OPTIONS,
) -> Target:
    """A source's held-out identities as a target: one probe, one gallery image each.

    Args:
      records: the source.
      person_ids: raw ids, as `LabelSpace.holdout` lists them.
      options: of these, `trial_seed`.
    """
    named = drawing.one_pair_per_identity(
        records, options.trial_seed, person_ids=person_ids
    )
    taking_part = len(named[0].pairs)
    source = f"{taking_part} of {len(person_ids)} held-out identities, drawn by seed"
    return _target(f"{records.reference} (held out)", records, named, source)


def shipped_list(name: str) -> list[trials_lib.NamedTrial]:
    """The trial list that ships with the package as `trial_lists/<name>.txt`."""
    folder = importlib.resources.files("dimn_tf.evaluation") / "trial_lists"
    file = folder / f"{name}.txt"
    return trials_lib.from_text(file.read_text(encoding="ascii"), str(file))


def _shipped(name: str) -> _TrialMaker:
    def make(records, data_dir, options):
        del records, data_dir, options
        return shipped_list(name), f"list {name}.txt of the package"

    return make


def _viper(records, data_dir, options):
    del data_dir
    variant = options.viper_trials
    if variant in ("halves", "cameras"):
        named, source = shipped_list("viper"), "list viper.txt of the package"
        if variant == "cameras":
            named = [trial for trial in named if trial.name.endswith("half1")]
    else:
        named = drawing.viper(records, options.trial_seed, 10, both_halves=False)
        source = f"10 random halves drawn by seed {options.trial_seed}"
    if variant in ("cameras", "both_ways"):
        named = named + [trial.swapped() for trial in named]
        source += ", and with cameras swapped"
    return named, source


def _grid(records, data_dir, options):
    del options
    from data_builders import registry
    from data_builders.grid import load_folds

    folds = load_folds(registry.make_builder(records.reference, data_dir))
    return drawing.grid(records, folds), "the archive's official folds"


def _drawn(records, data_dir, options):
    del data_dir
    from data_builders import registry

    name, _ = registry.split_reference(records.reference)
    not_persons = registry.facts(name).non_identities
    persons = sorted(set(records.person_ids.tolist()) - set(not_persons))
    return own_trials.make(records, persons, options)


_TrialMaker = Callable[
    [trials_lib.Records, str, options_lib.EvaluationOptions],
    tuple[list[trials_lib.NamedTrial] | list[own_trials.OpenTrial], str],
]

# Data set -> what makes the trials of its published protocol.
TARGETS: dict[str, _TrialMaker] = {
    "viper": _viper,
    "prid": _shipped("prid"),
    "grid": _grid,
    "ilids": _shipped("ilids"),
}


def _trial_maker(reference: str) -> _TrialMaker:
    from data_builders import registry

    name = reference.split(":")[0].split("/")[0]
    if name in TARGETS:
        return TARGETS[name]
    if name in registry.DATASETS:
        # No published protocol: a source that is left out of training, say.
        return _drawn
    raise errors.UserError(
        f"--targets: there is no data set {reference!r}; known are "
        f"{', '.join(registry.DATASETS)} (synthetic_reid with a domain, as "
        "synthetic_reid/DOMAIN; own data as reid_folder:FOLDER or reid_folder:FILE.csv)"
    )


def _target(name, records, named, source) -> Target:
    positions = trials_lib.positions_by_name(records)
    resolved = tuple(trial.resolve(records, positions) for trial in named)
    is_open = isinstance(named[0], own_trials.OpenTrial)
    digest = own_trials.sha256(named) if is_open else trials_lib.sha256(named)
    return Target(name, records, resolved, digest, source)
