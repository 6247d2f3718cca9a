"""Known statistics of CUHK03."""

from data_builders.facts import DatasetFacts

FACTS = DatasetFacts(
    name="cuhk03",
    title="CUHK03",
    role="source",
    archives=(
        "cuhk03_release.zip",
        "cuhk03_release",
        "cuhk03_images_detected.zip",
        "images_detected.zip",
        "images_detected",
        "cuhk03_images_detected",
        "CUHK03.zip",
        "CUHK03",
        "cuhk03.zip",
        "cuhk03",
        # The sample that tests the reader.
        "cuhk03_release_sample.zip",
    ),
    homepage="http://www.ee.cuhk.edu.hk/~xgwang/CUHK_identification.html",
    identities=1_467,
    images=14_097,
    split_images={"detected": 14_097, "labeled": 14_096},
    split_identities={"detected": 1_467, "labeled": 1_467},
    # Table 1 counts the half whose boxes a detector found.
    training_splits=("detected",),
    # `images_detected/` has no hand-labelled half.
    optional_splits=("labeled",),
)
