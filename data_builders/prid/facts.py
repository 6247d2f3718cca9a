"""Known statistics of PRID 2011 (single shot)."""

from data_builders.facts import DatasetFacts, TargetRow

# Numbers up to this one mean the same person in both views; above it, camera A's
# and camera B's persons are different people with the same number.
SHARED_PERSONS = 200
# Added to the numbers of camera B's own persons, so that each person has an id.
ONLY_IN_B = 1_000

FACTS = DatasetFacts(
    name="prid",
    title="PRID",
    role="target",
    archives=("prid_2011.zip", "prid_2011"),
    homepage="https://www.tugraz.at/institute/icg/research/team-bischof/lrs/"
    "downloads/PRID11/",
    identities=934,  # 385 + 749 - 200
    images=1_134,
    split_images={"cam_a": 385, "cam_b": 749},
    split_identities={"cam_a": 385, "cam_b": 749},
    version="2.0.0",
    table_row=TargetRow(100, 649, 100, 649),
)
