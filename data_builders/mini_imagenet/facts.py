"""Known statistics of miniImageNet."""

from data_builders.facts import FEW_SHOT, DatasetFacts
from data_builders.mini_imagenet.classes import CLASSES

IMAGES_PER_CLASS = 600

_PACKED = r"(?:\.zip|\.tgz|\.tar(?:\.gz|\.xz|\.bz2)?)"
# mini_imagenet_84.zip, miniImageNet--ravi.tar.gz, images.zip; not the CSV files' own.
_PATTERN = (
    rf"mini[-_ ]?imagenet(?!.*(?:split|csv))[-\w ]*{_PACKED}?" rf"|images{_PACKED}"
)

LISTS_PATTERN = (
    rf"(?:mini[-_ ]?imagenet[-\w ]*)?(?:splits?|csv|csv[-_]?files){_PACKED}?"
)
"""Names of archives and folders that hold the CSV files alone."""

FACTS = DatasetFacts(
    name="mini_imagenet",
    title="miniImageNet",
    role=FEW_SHOT,
    archives=(
        "mini_imagenet.zip",
        "mini_imagenet.tar.gz",
        "mini_imagenet",
        "mini_imagenet_60.zip",
        "mini_imagenet_60",
    ),
    archive_pattern=_PATTERN,
    subset_archives=("mini_imagenet_60.zip", "mini_imagenet_60"),
    top_folders=("images", "train", CLASSES["train"][0]),
    homepage="https://github.com/twitter-research/meta-learning-lstm",
    identities=100,
    images=100 * IMAGES_PER_CLASS,
    split_images={s: IMAGES_PER_CLASS * len(names) for s, names in CLASSES.items()},
    split_identities={split: len(names) for split, names in CLASSES.items()},
    images_per_identity=IMAGES_PER_CLASS,
    counted="classes",
    required=False,
    remark="The images are ImageNet's, for non-commercial research and education; "
    "the page has the CSV files of the split",
)
