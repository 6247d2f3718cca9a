"""absl flags made from the library's option dataclasses, and read back."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from absl import flags

from dimn_tf import config, errors, methods
from dimn_tf.data import augmentation
from dimn_tf.evaluation import options as evaluation_options
from dimn_tf.training import recipe
from experiments import path_flags

HELDOUT = "heldout"

FLAGS = flags.FLAGS


def define_run() -> None:
    """Defines all flags of a run: places, targets, and one for each option."""
    path_flags.define_path(
        "workdir", None, "Folder of the run: checkpoints, log, results."
    )
    flags.mark_flag_as_required("workdir")
    define_data_places()
    path_flags.define_references(
        "targets",
        ["viper", "prid", "grid", "ilids"],
        f"Target data sets, TFDS names, or `{HELDOUT}`: the identities that "
        "--holdout_identities set aside.",
    )
    _define_run_options()


def define_data_places() -> None:
    """Defines --data_dir and --manual_dir."""
    path_flags.define_path(
        "data_dir", "data/tfds", "Folder of the built data sets (TFDS)."
    )
    path_flags.define_path(
        "manual_dir", "data/archives", "Folder of the raw archives, as published."
    )


def _define_run_options() -> None:
    flags.DEFINE_enum("method", "dimn", sorted(methods.METHODS), "What is trained.")
    define_recipe(recipe.Recipe)
    define_group(evaluation_options.EvaluationOptions)


def define_recipe(of: type[recipe.Recipe]) -> None:
    """Defines a flag for each option of a kind of recipe, but the method's name."""
    for group in of.groups.values():
        define_group(group, of=of)
    defined: set[str] = set()
    for method in of.registry.values():
        for field in dataclasses.fields(method.Options):
            if field.name not in defined:
                _define(method.Options, field, of=of)
                defined.add(field.name)
    define_group(augmentation.Augmentation, recipe.AUGMENTATION_PREFIX, of)


def define_group(
    group: type, prefix: str = "", of: type[recipe.Recipe] = recipe.Recipe
) -> None:
    """Defines a flag for each field of an options dataclass."""
    for field in dataclasses.fields(group):
        _define(group, field, prefix, of)


def run_option_names() -> list[str]:
    """Every option of a run: what decides about its weights and its figures."""
    names = ["targets"]
    for group in (*recipe.SHARED.values(), evaluation_options.EvaluationOptions):
        names += [field.name for field in dataclasses.fields(group)]
    for field in dataclasses.fields(augmentation.Augmentation):
        names.append(recipe.AUGMENTATION_PREFIX + field.name)
    for method in methods.METHODS.values():
        names += [f.name for f in dataclasses.fields(method.Options)]
    return list(dict.fromkeys(names))


def evaluation() -> evaluation_options.EvaluationOptions:
    """The options of an evaluation, from the parsed flags.

    Launchers ask for them before any work: a training is not to end at its evaluation.

    Raises:
        errors.UserError: a value out of its range.
    """
    values = {name: FLAGS[name].value for name in FLAGS}
    found = config.read(evaluation_options.EvaluationOptions, values)
    config.check(found)
    return found


def run_recipe() -> recipe.Recipe:
    """The recipe of a run, from the parsed flags.

    A flag that is not given has its method's default, which may be another than the
    one that the flag was defined with.

    Raises:
        errors.UserError: a value out of its range, or of another method's option.
    """
    return recipe_of(recipe.Recipe, FLAGS.method)


def recipe_of(
    of: type[recipe.Recipe], method: str, own: Mapping[str, Any] | None = None
) -> recipe.Recipe:
    """A recipe of a kind from the parsed flags.

    Args:
        of: The kind, whose options are flags (`define_recipe`).
        method: A name of its registry.
        own: Values by flag name that take the flags' place.

    Raises:
        errors.UserError: a value out of its range, or of another method's option.
    """
    given = {n: FLAGS[n].value for n in FLAGS if not FLAGS[n].using_default_value}
    found = recipe.from_values({**given, **(own or {}), "method": method}, of)
    refuse_other_methods_options(of, found.method)
    return found


def refuse_other_methods_options(of: type[recipe.Recipe], chosen: str) -> None:
    """Refuses an option that the method does not have, unless it is as it stands.

    (A flag file may state another method's defaults: dg.flags serves the baseline too.)

    Args:
        of: The kind of recipe, whose options are flags.
        chosen: The method.

    Raises:
        errors.UserError: names the flag and the methods that have it.
    """
    names = {name: _names(method.Options) for name, method in of.registry.items()}
    for option in sorted(set().union(*names.values()) - names[chosen]):
        if FLAGS[option].value != FLAGS[option].default:
            owners = ", ".join(name for name, has in names.items() if option in has)
            raise errors.UserError(
                f"--{option}={FLAGS[option].value}: --method={chosen} has no such "
                f"option, {owners} has. Leave it out, or, where a flag file gives it, "
                f"add --{option}={FLAGS[option].default}."
            )


def _names(group: type) -> set[str]:
    return {field.name for field in dataclasses.fields(group)}


def _define(
    group: type,
    field: dataclasses.Field,
    prefix: str = "",
    of: type[recipe.Recipe] = recipe.Recipe,
) -> None:
    name = prefix + field.name
    if name in of.without_flag:
        return
    default = of.common.get(name, _default(field))
    help = of.common_help.get(name, field.metadata["help"])
    help += _other_defaults(name, default, of)
    kind = typing.get_type_hints(group)[field.name]
    if field.metadata["choices"]:
        flags.DEFINE_enum(name, default, list(field.metadata["choices"]), help)
    elif kind is bool:
        flags.DEFINE_bool(name, default, help)
    elif kind is int:
        flags.DEFINE_integer(name, default, help)
    elif kind is float:
        flags.DEFINE_float(name, default, help)
    elif field.metadata["holds"] == config.PATH:
        path_flags.define_path(name, default, help)
    elif kind is str:
        flags.DEFINE_string(name, default, help)
    elif field.metadata["holds"] == config.REFERENCES:
        path_flags.define_references(name, list(default), help)
    else:  # A tuple.
        flags.DEFINE_list(name, [str(value) for value in default], help)


def _default(field: dataclasses.Field):
    if field.default is not dataclasses.MISSING:
        return field.default
    return list(field.default_factory())


def _other_defaults(name: str, default, of: type[recipe.Recipe]) -> str:
    """What a flag's help says of methods that have another default for it."""
    found = []
    for method, kind in of.registry.items():
        own = {
            field.name: _default(field) for field in dataclasses.fields(kind.Options)
        }
        value = kind.defaults.get(name, own.get(name, default))
        if value != default:
            found.append(f"{method}: {value}")
    return f" (--method={'; '.join(found)})" if found else ""
