"""absl flags made from the library's option dataclasses, and read back."""

import dataclasses
import typing

from absl import flags

from dimn_tf import errors, methods
from dimn_tf.data import augmentation
from dimn_tf.evaluation import options as evaluation_options
from dimn_tf.training import options, run
from experiments import path_flags

_SHARED = (
    options.DataOptions,
    options.EncoderOptions,
    options.OptimiserOptions,
    options.ScheduleOptions,
)
_AUGMENTATION_PREFIX = "augment_"

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
    groups = list(_SHARED) + [method.Options for method in methods.METHODS.values()]
    defined = set()
    for group in groups:
        for field in dataclasses.fields(group):
            if field.name not in defined:
                _define(group, field, "")
                defined.add(field.name)
    for field in dataclasses.fields(augmentation.Augmentation):
        _define(augmentation.Augmentation, field, _AUGMENTATION_PREFIX)
    for field in dataclasses.fields(evaluation_options.EvaluationOptions):
        _define(evaluation_options.EvaluationOptions, field, "")


def evaluation() -> evaluation_options.EvaluationOptions:
    """The options of an evaluation, from the parsed flags."""
    values = {name: FLAGS[name].value for name in FLAGS}
    return _read(evaluation_options.EvaluationOptions, values, "")


def run_options() -> run.RunOptions:
    """The options of a run, from the parsed flags.

    Raises:
        errors.UserError: a value out of its range, or of another method's option.
    """
    values = {name: FLAGS[name].value for name in FLAGS}
    options = options_from(values)
    _refuse_other_methods_options(options.method)
    return options


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


def options_from(values: dict[str, typing.Any]) -> run.RunOptions:
    """The options of a run, from values by flag name (as `RunOptions.recorded`).

    Options that `values` lacks keep their defaults.
    """
    method = values["method"]
    if method not in methods.METHODS:
        raise errors.UserError(
            f"--method={method}: no such method. Known: "
            f"{', '.join(sorted(methods.METHODS))}."
        )
    data, encoder, optimiser, plan = (_read(group, values, "") for group in _SHARED)
    return run.RunOptions(
        method=method,
        method_options=_read(methods.METHODS[method].Options, values, ""),
        data=data,
        augmentation=_read(augmentation.Augmentation, values, _AUGMENTATION_PREFIX),
        encoder=encoder,
        optimiser=optimiser,
        plan=plan,
    )


def _define(group: type, field: dataclasses.Field, prefix: str) -> None:
    name, help = prefix + field.name, field.metadata["help"]
    default = (
        field.default
        if field.default is not dataclasses.MISSING
        else list(field.default_factory())
    )
    kind = typing.get_type_hints(group)[field.name]
    if field.metadata["choices"]:
        flags.DEFINE_enum(name, default, list(field.metadata["choices"]), help)
    elif kind is bool:
        flags.DEFINE_bool(name, default, help)
    elif kind is int:
        flags.DEFINE_integer(name, default, help)
    elif kind is float:
        flags.DEFINE_float(name, default, help)
    elif name == "encoder_weights":
        path_flags.define_path(name, default, help)
    elif kind is str:
        flags.DEFINE_string(name, default, help)
    elif name == "sources":
        path_flags.define_references(name, list(default), help)
    else:  # A tuple.
        flags.DEFINE_list(name, [str(value) for value in default], help)


def _read(group: type, values: dict[str, typing.Any], prefix: str):
    hints = typing.get_type_hints(group)
    given = {}
    for field in dataclasses.fields(group):
        name = prefix + field.name
        if name not in values:
            continue
        value = values[name]
        if typing.get_origin(hints[field.name]) is tuple:
            try:
                value = tuple(typing.get_args(hints[field.name])[0](v) for v in value)
            except ValueError as error:
                raise errors.UserError(f"--{name}={value}: {error}.") from error
        given[field.name] = value
    return group(**given)
