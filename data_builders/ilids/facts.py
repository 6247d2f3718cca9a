"""Known statistics of QMUL i-LIDS."""

from data_builders.facts import DatasetFacts, TargetRow

FACTS = DatasetFacts(
    name="ilids",
    title="i-LIDS",
    role="target",
    archives=("i-LIDS_Pedestrian.tgz", "i-LIDS_Pedestrian"),
    homepage="http://www.eecs.qmul.ac.uk/~jason/data/i-LIDS_Pedestrian.tgz",
    identities=119,
    images=476,
    split_images={"persons": 476},
    split_identities={"persons": 119},
    table_row=TargetRow(60, 60, 60, 60),
)
