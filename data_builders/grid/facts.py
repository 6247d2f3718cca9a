"""Known statistics of QMUL GRID."""

from data_builders.facts import DatasetFacts, TargetRow

DISTRACTOR = 0  # 775 persons that only the gallery shows, all under this number
FOLDS = 10
FOLD_PERSONS = 125  # persons that each fold tests

FACTS = DatasetFacts(
    name="grid",
    title="GRID",
    role="target",
    archives=("underground_reid.zip", "underground_reid"),
    homepage="http://personal.ie.cuhk.edu.hk/~ccloy/downloads_qmul_underground_reid.html",
    identities=250,
    images=500,
    split_images={"probe": 250, "gallery": 1_025},
    split_identities={"probe": 250, "gallery": 250},
    non_identities=(DISTRACTOR,),
    strangers=(DISTRACTOR,),
    by_files=("sample.m", "correspondence.txt", "README.txt", "readme.txt"),
    # 1,025 gallery images are the whole folder; one fold ranks 900 of them.
    table_row=TargetRow(125, 900, 125, 1_025),
)
