"""Known statistics of VIPeR."""

from data_builders.facts import DatasetFacts, TargetRow

FACTS = DatasetFacts(
    name="viper",
    title="VIPeR",
    role="target",
    archives=("VIPeR.v1.0.zip", "VIPeR.v1.0", "VIPeR.zip", "VIPeR"),
    homepage="https://vision.soe.ucsc.edu/node/178",
    identities=632,
    images=1_264,
    split_images={"cam_a": 632, "cam_b": 632},
    split_identities={"cam_a": 632, "cam_b": 632},
    table_row=TargetRow(316, 316, 316, 316),
)
