"""Builds the whole benchmark of ReID, or the data sets named, from their archives.

    python -m experiments.build_datasets --data_dir=TFDS --manual_dir=ARCHIVES
    python -m experiments.build_datasets --datasets=viper,cuhk02/partial ...

Data sets that are built already are left as they are. An archive that is missing
stops the command before anything is built.
"""

import time

from absl import flags

from data_builders import registry
from dimn_tf import errors
from experiments import launch, path_flags

FLAGS = flags.FLAGS


def define() -> None:
    """Defines the command's flags."""
    path_flags.define_path(
        "data_dir", "data/tfds", "Folder of the built data sets (TFDS)."
    )
    path_flags.define_path(
        "manual_dir", "data/archives", "Folder of the raw archives, as published."
    )
    path_flags.define_references(
        "datasets",
        None,
        "TFDS names: viper, cuhk02/partial (accepts an incomplete archive), "
        "synthetic_reid/CONFIG, mini_imagenet; none: those of the paper's Table 1. Of "
        "these, an optional one whose archive is not there is passed over, and said "
        "to be.",
    )


def _choose() -> list[str]:
    """The data sets to build.

    Raises:
        errors.DataError: archives are missing; one line each.
    """
    chosen = FLAGS.datasets
    if not chosen:
        chosen = registry.benchmark()
    places = FLAGS.data_dir, FLAGS.manual_dir
    missing = {name: registry.missing_archives([name], *places) for name in chosen}
    if not FLAGS.datasets:
        for name in list(missing):
            if missing[name] and not registry.facts(name).required:
                print(f"passed over: {missing.pop(name)[0]}")
    lines = [line for of_name in missing.values() for line in of_name]
    if lines:
        raise errors.DataError(
            f"{len(lines)} of {len(missing)} data sets are neither built nor can be "
            "built:\n" + "\n".join(f"  {line}" for line in lines)
        )
    return list(missing)


def main(_):
    names = _choose()
    failed = []
    for number, name in enumerate(names, start=1):
        start = time.monotonic()
        prefix = f"[{number}/{len(names)}]"
        try:
            builder = registry.build(
                name,
                FLAGS.data_dir,
                FLAGS.manual_dir,
                log=lambda line, prefix=prefix: print(f"{prefix} {line}", flush=True),
            )
        except errors.DataError as error:
            # The other data sets need not wait until this one is mended.
            print(f"{prefix} {name}: failed", flush=True)
            failed.append(str(error))
            continue
        images = sum(split.num_examples for split in builder.info.splits.values())
        print(
            f"{prefix} {name}: {images:,} images in {builder.data_dir}, "
            f"{time.monotonic() - start:.0f} s",
            flush=True,
        )
    if failed:
        raise errors.DataError(
            f"{len(failed)} of {len(names)} data sets were not built:\n"
            + "\n".join(failed)
        )


if __name__ == "__main__":
    launch.launch(define, main)
