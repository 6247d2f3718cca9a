"""The text form of trials, which is shipped and hashed.

    # Trial list of viper: 10 trials.
    # Drawn by: python -m experiments.draw_trials --targets=viper --seed=0 ...
    # sha256 of the lines below: 3f6c...
    trial split1_half1
    pair cam_a/005_45 cam_b/005_90
    ...
    every_trial
    gallery single_shot/cam_b/person_0201

Of a paired trial, `pair` names a probe and its one true match, `gallery` an image that
no probe of the trial matches; what follows `every_trial` is in the gallery of every
trial. A trial that is not paired, or has a camera rule, names its rule:

    trial all cross_camera
    probe 7/1_0
    gallery 7/2_3

The hash tells whether two results were judged on the same trials, so these lines must
stay as they are, byte for byte. Of trials that are not paired it does not tell who is
on the images: `images_sha256` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from dimn_tf import errors
from dimn_tf.evaluation.protocols import trial as trial_lib

_HASH_LINE = "# sha256 of the lines below: "


def body(trials: Sequence[trial_lib.Trial]) -> str:
    """The lines that the hash covers."""
    common: tuple[str, ...] = ()
    if trials and all(
        trial.paired and trial.distractors == trials[0].distractors for trial in trials
    ):
        common = trials[0].distractors
    lines = []
    for trial in trials:
        if trial.paired and trial.camera_rule == trial_lib.NO_RULE:
            lines.append(f"trial {trial.name}")
        else:
            lines.append(f"trial {trial.name} {trial.camera_rule}")
        if trial.paired:
            lines += [f"pair {probe} {match}" for probe, match in trial.pairs]
            alone = () if common else trial.distractors
        else:
            lines += [f"probe {name}" for name in trial.probes]
            alone = trial.gallery
        lines += [f"gallery {name}" for name in alone]
    if common:
        lines += ["every_trial", *(f"gallery {name}" for name in common)]
    return "".join(line + "\n" for line in lines)


def sha256(trials: Sequence[trial_lib.Trial]) -> str:
    """Hash of trials; the same for every way in which they came about."""
    return _hash_of(body(trials))


def images_sha256(images: Iterable[tuple[str, int, int]]) -> str:
    """Hash of images' labels, in whatever order they come.

    Args:
      images: name, person and camera of each.
    """
    lines = sorted(json.dumps(list(image)) for image in images)
    return _hash_of("".join(line + "\n" for line in lines))


def to_text(trials: Sequence[trial_lib.Trial], target: str, command: str) -> str:
    """A trial list as it is shipped, with its hash and the command that drew it.

    Raises:
      UserError: names that the text cannot hold, those with spaces in a pair, say.
    """
    text = body(trials)
    try:
        same = _parsed(text.split("\n")[:-1], target) == list(trials)
    except errors.UserError:
        same = False
    if not same:
        raise errors.UserError(
            f"the trials of {target} cannot be written as a list: a name holds a line "
            "break, or a space where two names share a line. Rename these images"
        )
    return (
        f"# Trial list of {target}: {len(trials)} trials.\n"
        f"# Drawn by: {command}\n"
        f"{_HASH_LINE}{sha256(trials)}\n{text}"
    )


def from_text(text: str, source: str) -> list[trial_lib.Trial]:
    """Reads a trial list and checks it against its hash.

    Args:
      text: as `to_text` wrote it.
      source: the file's name, for errors.

    Raises:
      UserError: a hash that does not fit, or a line that is none of a trial list.
    """
    lines = [line for line in text.split("\n") if line]
    header = [line for line in lines if line.startswith("#")]
    lines = [line for line in lines if not line.startswith("#")]
    stated = [x.removeprefix(_HASH_LINE) for x in header if x.startswith(_HASH_LINE)]
    found = _hash_of("".join(line + "\n" for line in lines))
    if stated != [found]:
        raise errors.UserError(
            f"trial list {source} was changed: its header states sha256 "
            f"{', '.join(stated) or '(none)'}, its lines give {found}. Restore the "
            "file, or draw it anew with the command in its header"
        )
    trials = _parsed(lines, source)
    if not trials:
        raise errors.UserError(f"trial list {source} holds no trial")
    return trials


def _parsed(lines: Sequence[str], source: str) -> list[trial_lib.Trial]:
    """Trials from the lines that the hash covers."""
    heads: dict[str, str] = {}  # Name of a trial -> its camera rule.
    sides: dict[str, list[tuple[str, str]]] = {}  # -> what its lines say.
    common: list[tuple[str, str]] = []
    lines_of = None
    for line in lines:
        word, _, rest = line.partition(" ")
        names = rest.split(" ")
        known_trial = lines_of is not None and lines_of is not common
        if word == "trial" and lines_of is not common and _is_head(names, heads):
            heads[names[0]] = names[1] if len(names) == 2 else trial_lib.NO_RULE
            lines_of = sides[names[0]] = []
            paired_by_head = len(names) == 1
        elif line == "every_trial" and known_trial:
            lines_of = common
        elif (
            (word == "pair" and known_trial and len(names) == 2 and all(names))
            or (word == "probe" and known_trial and not paired_by_head and rest)
            or (word == "gallery" and lines_of is not None and rest)
        ):
            lines_of.append((word, rest))
        else:
            raise errors.UserError(f"trial list {source}: unexpected line {line!r}")
    trials = [_trial(name, heads[name], sides[name] + common) for name in heads]
    if body(trials) != "".join(line + "\n" for line in lines):
        raise errors.UserError(
            f"trial list {source} is not in the form that is written: in each trial "
            "all `pair` or all `probe` lines come before the `gallery` lines"
        )
    return trials


def _is_head(names: Sequence[str], heads) -> bool:
    return (
        bool(names[0])
        and names[0] not in heads
        and (len(names) == 1 or names[1:] in [[x] for x in trial_lib.CAMERA_RULES])
    )


def _trial(name: str, rule: str, said: Sequence[tuple[str, str]]) -> trial_lib.Trial:
    pairs = [tuple(rest.split(" ")) for word, rest in said if word == "pair"]
    gallery = tuple(rest for word, rest in said if word == "gallery")
    if pairs:
        matches = tuple(match for _, match in pairs)
        probes = tuple(probe for probe, _ in pairs)
        return trial_lib.Trial(name, probes, matches + gallery, True, rule)
    probes = tuple(rest for word, rest in said if word == "probe")
    return trial_lib.Trial(name, probes, gallery, False, rule)


def _hash_of(text: str) -> str:
    # Names are bytes: those that are no text keep theirs.
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
