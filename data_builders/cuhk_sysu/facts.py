"""Known statistics of CUHK-SYSU Person Search."""

from data_builders.facts import DatasetFacts

FACTS = DatasetFacts(
    name="cuhk_sysu",
    title="CUHK-SYSU",
    role="source",
    archives=(
        "CUHK-SYSU.zip",
        "CUHK-SYSU.tgz",
        "CUHK-SYSU.tar.gz",
        "CUHK-SYSU.tar",
        "CUHK-SYSU",
        "cuhk_sysu.zip",
        "cuhk_sysu",
    ),
    homepage="http://www.ee.cuhk.edu.hk/~xgwang/PS/dataset.html",
    identities=11_934,
    images=34_574,
    split_images={"persons": 34_574},
    split_identities={"persons": 11_934},
)
