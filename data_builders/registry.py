"""All data sets by name."""

import contextlib
import importlib
import os
import pathlib
from collections.abc import Callable, Iterable

from data_builders.clean_build import clean_build
from data_builders.facts import COMPLETE, FEW_SHOT, PARTIAL, DatasetFacts
from data_builders.manual_dir import build_command, candidates, likely
from data_builders.reid_folder import reference as own_reference
from dimn_tf import errors
from dimn_tf.errors import DataError

# TFDS name -> module of its `Builder`; the module `facts` beside it holds `FACTS`,
# or `facts_of(config)` where they differ from config to config.
DATASETS = {
    "cuhk02": "data_builders.cuhk02.cuhk02_dataset_builder",
    "cuhk03": "data_builders.cuhk03.cuhk03_dataset_builder",
    "dukemtmc_reid": "data_builders.dukemtmc_reid.dukemtmc_reid_dataset_builder",
    "market1501": "data_builders.market1501.market1501_dataset_builder",
    "cuhk_sysu": "data_builders.cuhk_sysu.cuhk_sysu_dataset_builder",
    "viper": "data_builders.viper.viper_dataset_builder",
    "prid": "data_builders.prid.prid_dataset_builder",
    "grid": "data_builders.grid.grid_dataset_builder",
    "ilids": "data_builders.ilids.ilids_dataset_builder",
    "synthetic_reid": "data_builders.synthetic_reid.synthetic_reid_dataset_builder",
    "reid_folder": "data_builders.reid_folder.reid_folder_dataset_builder",
    "mini_imagenet": "data_builders.mini_imagenet.mini_imagenet_dataset_builder",
}

OWN_DATA = "reid_folder"
"""The data set whose references name a place: `reid_folder:PATH`."""


def split_reference(reference: str) -> tuple[str, str | None]:
    """Data set and builder config that a reference names.

    Example: "cuhk02/partial" -> ("cuhk02", "partial"); "cuhk02" -> ("cuhk02", None);
    "reid_folder:a/b.csv" -> ("reid_folder", "a/b.csv").

    Raises:
        DataError: there is no such data set.
    """
    if reference.split(":")[0] == OWN_DATA:
        return OWN_DATA, reference[len(OWN_DATA) + 1 :] or None
    name, slash, config = reference.partition("/")
    if name not in DATASETS or (name == OWN_DATA and slash):
        raise DataError(
            f"{reference}: no such data set.\n"
            f"  known:  {', '.join(DATASETS)}; an incomplete archive as NAME/partial, "
            "own data as reid_folder:FOLDER or reid_folder:FILE.csv (in double quotes "
            'where it holds a comma, "reid_folder:a,b")\n'
            "  to do:  correct the name, or register a builder in "
            "data_builders/registry.py"
        )
    return name, config or None


def full_name(reference: str) -> str:
    """The one name of a data set that has several; it is a reference as well.

    Example: "synthetic_reid" -> "synthetic_reid/plaza", the config that the bare name
    builds; "reid_folder:a/../b" -> "reid_folder:/home/ann/b".

    Raises:
        DataError: there is no such data set; or see `reference.parse` of own data.
    """
    name, config = split_reference(reference)
    if name != OWN_DATA:
        return f"{name}/{config or facts(name).default_config}"
    return own_reference.parse(config).full_name if config else name


def images_of(reference: str) -> str:
    """One name for all references to the same images, read in whatever way.

    Of an archive `complete` and `partial` are one; of own data a place, whichever its
    cameras are.

    Raises:
        DataError: see `full_name`.
    """
    name, config = split_reference(reference)
    if name == OWN_DATA:
        return f"{name}:{own_reference.parse(config).path}" if config else name
    known = full_name(reference)
    return known.removesuffix(f"/{PARTIAL}").removesuffix(f"/{COMPLETE}")


def benchmark() -> list[str]:
    """The sources and targets of the paper's Table 1, all built from archives."""
    return [name for name in DATASETS if facts(name).role in ("source", "target")]


def person_data_sets() -> list[str]:
    """The data sets of persons: all but those of classes."""
    return [name for name in DATASETS if facts(name).role != FEW_SHOT]


def refuse_classes(references: Iterable[str]) -> None:
    """Refuses data sets of classes where persons are re-identified.

    Raises:
        errors.UserError: names them.
    """
    known = person_data_sets()
    others = [name for name in references if split_reference(name)[0] not in known]
    if others:
        raise errors.UserError(
            f"{', '.join(others)}: found a data set of classes, for few-shot learning; "
            "expected data sets of persons, to train re-identification on or to rank. "
            f"Name one of {', '.join(known)}"
        )


def refuse_persons(reference: str) -> None:
    """Refuses a data set of persons where classes are told apart.

    Raises:
        errors.UserError: names it.
    """
    if split_reference(reference)[0] in person_data_sets():
        classes = [name for name in DATASETS if name not in person_data_sets()]
        raise errors.UserError(
            f"{reference}: found a data set of persons; expected one of classes, for "
            f"few-shot learning: {' or '.join(classes)}"
        )


def builder_class(name: str):
    """The `Builder` class of a data set; imports TFDS."""
    return importlib.import_module(DATASETS[split_reference(name)[0]]).Builder


def facts(reference: str, data_dir: str | os.PathLike | None = None) -> DatasetFacts:
    """What is known about a data set; imports neither TFDS nor TensorFlow.

    Args:
        reference: a data set, with or without a config.
        data_dir: TFDS' output directory: records of own data that are built there
            stand for images that are gone.
    """
    name, config = split_reference(reference)
    package = DATASETS[name].rpartition(".")[0]
    module = importlib.import_module(f"{package}.facts")
    if name == OWN_DATA:
        return module.facts_of(config, data_dir)
    return module.facts_of(config) if hasattr(module, "facts_of") else module.FACTS


def make_builder(reference: str, data_dir: str | os.PathLike):
    """The TFDS builder of a reference, built or not.

    Raises:
        DataError: there is no such data set or builder config.
    """
    refuse_pattern(data_dir)
    name, config = split_reference(reference)
    builder = builder_class(name)
    if name == OWN_DATA:
        made = builder.config_of(config, data_dir)
        return builder(data_dir=os.fspath(data_dir), config=made)
    if config is not None and config not in builder.builder_configs:
        raise DataError(
            f"{reference}: {name} has no builder config {config!r}.\n"
            f"  known:  {', '.join(builder.builder_configs)}\n"
            "  to do:  correct the name"
        )
    return builder(data_dir=os.fspath(data_dir), config=config)


def refuse_pattern(data_dir: str | os.PathLike) -> None:
    """Refuses a folder whose name TFDS takes for a pattern: it would not find its own.

    Raises:
        errors.UserError: there is one of `[ ] * ?` in it.
    """
    if found := sorted(set(os.fspath(data_dir)) & set("[]*?")):
        raise errors.UserError(
            f"--data_dir={os.fspath(data_dir)}: found {' '.join(found)} in it, which "
            "TensorFlow Datasets takes for a pattern, so that what is built there is "
            "never found. Name a folder without [ ] * ? (a link to it will do)"
        )


def build(
    reference: str,
    data_dir: str | os.PathLike,
    manual_dir: str | os.PathLike | None,
    log: Callable[[str], None] | None = None,
):
    """Builds a data set unless it is built, and returns its builder.

    Args:
        reference: "name" or "name/config".
        data_dir: TFDS' output directory.
        manual_dir: where archives lie; None for data sets without one.
        log: takes lines about progress; None: they are printed, and a terminal shows
            a bar.

    Raises:
        DataError: the archive is missing, damaged or not the data set's; nothing
            half-built is left.
    """
    # Imported here: naming and locating data sets must stay cheap.
    import tensorflow_datasets as tfds

    from data_builders.archive_builder import ArchiveBuilder

    builder = make_builder(reference, data_dir)
    builder.log = log
    if builder.data_path.exists():  # TFDS puts it there whole or not at all
        if split_reference(reference)[0] == OWN_DATA:
            builder.tell_reuse()
        elif isinstance(builder, ArchiveBuilder):
            builder.tell_reuse(manual_dir)
        return builder
    tfds.disable_progress_bar()  # it knows no totals; `log` is told them
    config = tfds.download.DownloadConfig(
        manual_dir=None if manual_dir is None else os.path.abspath(manual_dir),
        try_download_gcs=False,
    )
    # ArchiveBuilder cleans up after itself, for the plain command line's sake.
    cleanly = (
        contextlib.nullcontext()
        if isinstance(builder, ArchiveBuilder)
        else clean_build(data_dir, builder.name)
    )
    with cleanly:
        builder.download_and_prepare(download_config=config)
    # Made anew, it reads what was stored, be it by a process that came first.
    return make_builder(reference, data_dir)


def is_built(reference: str, data_dir: str | os.PathLike) -> bool:
    """Whether the data set is built; asks the file system only."""
    refuse_pattern(data_dir)
    name, config = split_reference(reference)
    known = facts(reference, data_dir)
    if config is None or name == OWN_DATA:  # of own data, the config is a place
        config = known.default_config
    folder = pathlib.Path(data_dir) / name / config
    return (folder / known.version / "dataset_info.json").is_file()


def missing_archives(
    references: Iterable[str],
    data_dir: str | os.PathLike,
    manual_dir: str | os.PathLike | None,
) -> list[str]:
    """One line for each data set that is neither built nor can be.

    Looks at names only, so that a long training run can refuse at once; imports
    neither TFDS nor TensorFlow.

    Args:
        references: data sets needed.
        data_dir: TFDS' output directory.
        manual_dir: where archives lie, if anywhere.

    Returns:
        Lines that name the data set, the place its archive belongs to, and where it
        is published; empty when all can be had.
    """
    lines = []
    for reference in references:
        known = facts(reference, data_dir)
        if not known.archives or is_built(reference, data_dir):
            continue
        config = split_reference(reference)[1]
        found = [] if manual_dir is None else candidates(known, manual_dir, config)
        if len(found) == 1:
            continue
        lines.append(_missing_line(reference, known, manual_dir, found))
    return lines


def _missing_line(reference, known, manual_dir, found) -> str:
    if found:
        both = " and ".join(os.path.abspath(path) for path in found)
        return f"{reference}: two candidates, {both}: move all but one elsewhere"
    if manual_dir is None:
        place = f"{known.archives[0]} in the directory that --manual_dir names"
    else:
        place = os.path.join(os.path.abspath(manual_dir), known.archives[0])
    others = ", ".join(known.archives[1:])
    line = f"{reference}: missing {place}"
    line += f" (or {others})" if others else ""
    seen = "" if manual_dir is None else likely(known, manual_dir)
    line += f"; {seen}" if seen else ""
    line += f"; published at {known.homepage}"
    if manual_dir is not None:
        config = split_reference(reference)[1]
        line += f"; then {build_command(known, manual_dir, config)}"
    return line + (f". {known.remark}" if known.remark else "")
