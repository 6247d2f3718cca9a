"""Known statistics of CUHK02."""

from data_builders.facts import DatasetFacts

PAIR_IDENTITIES = (971, 306, 107, 193, 239)  # of camera pairs P1 to P5

FACTS = DatasetFacts(
    name="cuhk02",
    title="CUHK02",
    role="source",
    archives=("CUHK02.zip", "CUHK02", "cuhk02.zip", "cuhk02", "Dataset"),
    homepage="http://www.ee.cuhk.edu.hk/~xgwang/CUHK_identification.html",
    identities=1_816,
    images=7_264,
    # Two images of each person in each camera of the pair.
    split_images={f"p{p}": 4 * n for p, n in enumerate(PAIR_IDENTITIES, 1)},
    split_identities={f"p{p}": n for p, n in enumerate(PAIR_IDENTITIES, 1)},
)
