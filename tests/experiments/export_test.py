"""What an export says of the data that its weights come from."""

from dimn_tf.training import trained_before
from experiments import export


def test_the_roles_of_all_sources_are_found():
    before = [trained_before.Before(("synthetic_reid/plaza",), {})]
    own = {"sources": ["reid_folder:nowhere/crops"]}
    assert export._roles(own, []) == ["own"]
    assert export._roles(own, before) == ["own", "synthetic"]
    before.append(trained_before.Before(None, {}))
    published = {"sources": ["market1501/partial", "viper"]}
    assert export._roles(published, before) == [
        "source",
        "synthetic",
        "target",
        "unknown",
    ]
