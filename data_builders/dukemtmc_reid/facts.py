"""Known statistics of DukeMTMC-reID."""

from data_builders.facts import DatasetFacts

FACTS = DatasetFacts(
    name="dukemtmc_reid",
    title="DukeMTMC-reID",
    role="source",
    archives=("DukeMTMC-reID.zip", "DukeMTMC-reID"),
    homepage="https://github.com/sxzrt/DukeMTMC-reID_evaluation",
    identities=1_812,  # the gallery's 408 persons without a query are classes too
    images=36_411,
    split_images={"train": 16_522, "query": 2_228, "gallery": 17_661},
    split_identities={"train": 702, "query": 702, "gallery": 1_110},
    required=False,
    remark=(
        "Its authors withdrew it in 2019: without it, train with "
        "--flagfile=dg_without_duke.flags"
    ),
)
