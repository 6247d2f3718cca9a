"""absl flags made from the library's option dataclasses, and read back."""

import dataclasses
import typing

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
    for group in recipe.SHARED.values():
        for field in dataclasses.fields(group):
            _define(group, field)
    defined: set[str] = set()
    for method in methods.METHODS.values():
        for field in dataclasses.fields(method.Options):
            if field.name not in defined:
                _define(method.Options, field)
                defined.add(field.name)
    for field in dataclasses.fields(augmentation.Augmentation):
        _define(augmentation.Augmentation, field, recipe.AUGMENTATION_PREFIX)
    for field in dataclasses.fields(evaluation_options.EvaluationOptions):
        _define(evaluation_options.EvaluationOptions, field)


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
    """The options of an evaluation, from the parsed flags."""
    values = {name: FLAGS[name].value for name in FLAGS}
    return config.read(evaluation_options.EvaluationOptions, values)


def run_recipe() -> recipe.Recipe:
    """The recipe of a run, from the parsed flags.

    A flag that is not given has its method's default, which may be another than the
    one that the flag was defined with.

    Raises:
        errors.UserError: a value out of its range, or of another method's option.
    """
    given = {n: FLAGS[n].value for n in FLAGS if not FLAGS[n].using_default_value}
    found = recipe.from_values({**given, "method": FLAGS.method})
    _refuse_other_methods_options(found.method)
    return found


def _refuse_other_methods_options(chosen: str) -> None:
    """Refuses an option that the method does not have, unless it is as it stands.

    (A flag file may state another method's defaults: dg.flags serves the baseline too.)
    """
    names = {name: _names(method.Options) for name, method in methods.METHODS.items()}
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


def _define(group: type, field: dataclasses.Field, prefix: str = "") -> None:
    name, default = prefix + field.name, _default(field)
    help = field.metadata["help"] + _other_defaults(name, default)
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


def _other_defaults(name: str, default) -> str:
    """What a flag's help says of methods that have another default for it."""
    found = []
    for method, kind in methods.METHODS.items():
        own = {
            field.name: _default(field) for field in dataclasses.fields(kind.Options)
        }
        value = kind.defaults.get(name, own.get(name, default))
        if value != default:
            found.append(f"{method}: {value}")
    return f" (--method={'; '.join(found)})" if found else ""
