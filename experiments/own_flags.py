"""--own: flags of one few-shot method's runs, or of one run, in place of all runs'.

Of two that set a flag for a run, this order decides, weakest first: what all runs
have, a flag file's --own, a flag on the command line itself, an --own there; of two
--own, the one of a run, then the later one.
"""

import dataclasses
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags as absl_flags

from dimn_tf import config, errors, fewshot
from dimn_tf.data import augmentation
from dimn_tf.fewshot import options, recipe, row_files
from dimn_tf.training.recipe import AUGMENTATION_PREFIX
from experiments import command_line, flag_files, flags

FLAGS = flags.FLAGS
_OF_TABLES = {"dataset", "ways"}  # All rows have them alike.


def define() -> None:
    """Defines --own."""
    absl_flags.DEFINE_multi_string(
        "own",
        [],
        "METHOD:FLAG=VALUE or METHOD_Kshot:FLAG=VALUE, a flag of one method's runs, or "
        "one run's, alone, in place of what all have. A flag on the command line goes "
        "before a flag file's --own, and an --own there before both.",
    )


def read() -> list[dict[str, dict[str, Any]]]:
    """Method or run -> flag -> value, the weakest ones first.

    Raises:
        errors.UserError: an --own that is not of that form, or names nothing that
            there is.
    """
    typed = list(_typed(sys.argv[1:]))
    own = [value for name, value in typed if name == "own"]
    # A flag file's line that comes later may have changed it.
    kept = {
        name
        for name, value in typed
        if name != "own" and FLAGS[name].parser.parse(value) == FLAGS[name].value
    }
    of_all = {
        method: {name: FLAGS[name].value for name in kept & _options_of(method)}
        for method in fewshot.METHODS
    }
    of_files = [text for text in FLAGS.own if text not in own]
    return [_by_run(of_files), of_all, _by_run(own)]


def _typed(arguments: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and value of each flag on the command line itself, as texts."""
    waiting = iter(arguments)
    for text in waiting:
        if text == "--":
            return
        name, given, value = command_line.parts(flag_files.Word(text))
        if name not in FLAGS and name.removeprefix("no") in FLAGS:
            yield name.removeprefix("no"), "false"
        elif name in FLAGS:
            if not given:
                value = "true" if FLAGS[name].boolean else next(waiting, "")
            yield name, value


def _by_run(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What some --own say; see `read`."""
    owners = {method: method for method in fewshot.METHODS}
    for method in fewshot.METHODS:
        owners |= {row_files.run_name(method, shots): method for shots in options.SHOTS}
    found: dict[str, dict[str, Any]] = {}
    for text in texts:
        method, _, rest = text.partition(":")
        name, given, value = rest.partition("=")
        known = _options_of(owners[method]) if method in owners else ()
        if known and name in _OF_TABLES:
            raise errors.UserError(
                f"--own={text}: one table is of one data set and as many ways: give "
                f"--{name}=... for all rows"
            )
        if not given or name not in known:
            raise errors.UserError(
                f"--own={text}: expected METHOD:FLAG=VALUE or METHOD_Kshot:FLAG=VALUE, "
                f"with a method of {', '.join(fewshot.METHODS)} and an option that it "
                "has, such as maml:tasks=2"
            )
        try:
            parsed = FLAGS[name].parser.parse(value)
        except (TypeError, ValueError) as error:
            raise errors.UserError(f"--own={text}: {error}") from error
        found.setdefault(method, {})[name] = parsed
    return found


def _options_of(method: str) -> set[str]:
    """The names of a method's options that a run may have of its own."""
    of = recipe.FewShotRecipe
    groups = (*of.groups.values(), options.TestOptions, of.registry[method].Options)
    names = {field.name for group in groups for field in dataclasses.fields(group)}
    augmented = dataclasses.fields(augmentation.Augmentation)
    names |= {AUGMENTATION_PREFIX + field.name for field in augmented}
    # The run is named by its shots.
    return names - of.without_flag - _OF_TABLES - {"shots"}


def options_of(
    method: str, shots: int, of_runs: Sequence[Mapping[str, Mapping[str, Any]]]
) -> tuple[recipe.FewShotRecipe, options.TestOptions]:
    """A run's recipe and how it is tested, from the flags.

    Args:
        method: A name of `fewshot.METHODS`.
        shots: K.
        of_runs: See `read`.

    Raises:
        errors.UserError: values that cannot be.
    """
    own = {"shots": shots}
    for named in of_runs:
        own |= named.get(method, {})
        own |= named.get(row_files.run_name(method, shots), {})
    found = flags.recipe_of(recipe.FewShotRecipe, method, own)
    given = {name: FLAGS[name].value for name in FLAGS}
    test = config.read(options.TestOptions, {**given, **own})
    config.check(test)
    return found, test
