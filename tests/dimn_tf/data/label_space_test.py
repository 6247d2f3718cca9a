import types

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.data import domain as domains
from dimn_tf.data import label_space


@pytest.fixture
def two_sources(made_up_records):
    return [
        made_up_records("a", [9, 4, 9, -1, 4, 2], camera_ids=[1, 2, 3, 4, 5, 6]),
        made_up_records("b", [4, 4, 0, 8], non_identities=(0,)),
    ]


def test_labels_by_hand(two_sources):
    space = label_space.LabelSpace.build(two_sources)
    first, second = space.domains

    # Raw ids ascending: -1, 2, 4, 9 are labels 0..3; then b's 4 and 8.
    assert first.person_ids.tolist() == [-1, 2, 4, 9]
    assert first.labels.tolist() == [0, 1, 2, 2, 3, 3]
    assert first.labels.dtype == second.labels.dtype == np.int32
    assert first.image_indices.tolist() == [3, 5, 1, 4, 0, 2]
    assert first.cameras.tolist() == [4, 6, 2, 5, 1, 3]
    assert first.offsets.tolist() == [0, 1, 2, 4, 6]
    # Person 4 of b is somebody else than person 4 of a; 0 is no identity there.
    assert second.first_label == 4
    assert second.labels.tolist() == [4, 4, 5]
    assert second.image_indices.tolist() == [0, 1, 3]
    assert space.num_identities == 6
    assert space.num_images == 9


def test_cameras_of_one_source_are_never_anothers(two_sources):
    space = label_space.LabelSpace.build(two_sources)
    # Raw ids ascending: a's 1 to 6 are 0 to 5; b knows none, which is one camera.
    assert space.domains[0].camera_labels.tolist() == [3, 5, 1, 4, 0, 2]
    assert space.domains[0].camera_labels.dtype == np.int32
    assert space.domains[1].camera_labels.tolist() == [6, 6, 6]
    assert space.num_cameras == 7
    other = label_space.LabelSpace.build(two_sources[::-1])
    assert other.domains[0].camera_labels.tolist() == [0, 0, 0]
    assert other.domains[1].camera_labels.tolist() == [4, 6, 2, 5, 1, 3]


def test_cameras_that_only_held_out_identities_were_seen_by_do_not_count(two_sources):
    space = label_space.LabelSpace.build(two_sources, holdout={"a": [9]})
    assert space.domains[0].camera_ids.tolist() == [2, 4, 5, 6]
    assert space.num_cameras == 5


def test_specification(two_sources):
    found = label_space.LabelSpace.build(two_sources).specification
    assert (found.num_identities, found.num_domains, found.num_cameras) == (6, 2, 7)
    assert found.domain_of_label.tolist() == [0, 0, 0, 0, 1, 1]


def test_the_seed_decides_who_is_held_out(made_up_records):
    source = made_up_records("a", np.repeat(np.arange(30), 2))

    def held_out(seed):
        space = label_space.LabelSpace.build([source], holdout_identities=5, seed=seed)
        return tuple(space.holdout["a"])

    assert held_out(3) == held_out(3)
    assert len({held_out(seed) for seed in range(4)}) == 4


def test_order_of_the_sources_is_the_order_of_the_labels(two_sources):
    space = label_space.LabelSpace.build(two_sources[::-1])
    assert [domain.reference for domain in space.domains] == ["b", "a"]
    assert [domain.first_label for domain in space.domains] == [0, 2]


def test_only_the_splits_to_train_on_count(made_up_records):
    given = dict(splits=["labeled", "detected", "detected", "labeled"])
    records = made_up_records("a", [1, 1, 2, 3], training_splits=["detected"], **given)
    domain = label_space.LabelSpace.build([records]).domains[0]
    assert domain.image_indices.tolist() == [1, 2]
    assert domain.person_ids.tolist() == [1, 2]
    other = made_up_records("b", [1, 1, 2, 3], **given)
    assert label_space.LabelSpace.build([other]).num_images == 4


def test_held_out_identities_are_in_no_batch(two_sources):
    space = label_space.LabelSpace.build(
        two_sources, holdout={"a": [4], "unknown": [1]}
    )
    assert space.holdout == {"a": [4], "b": []}
    assert space.domains[0].person_ids.tolist() == [-1, 2, 9]
    assert space.domains[0].image_indices.tolist() == [3, 5, 0, 2]
    assert space.domains[0].holdout_images == 2
    assert space.domains[1].first_label == 3
    assert space.num_identities == 5


def test_a_domain_holds_nobody_back_unless_told(made_up_records):
    one = np.array([0])
    made = domains.Domain(made_up_records("a", [5]), 0, one, np.array([0, 1]), one, one)
    assert made.holdout == () and made.holdout_images == 0
    assert made.camera_labels.tolist() == [0]


def test_drawn_holdout_leaves_the_rest(made_up_records):
    records = made_up_records("a", np.repeat(np.arange(20), 2))
    space = label_space.LabelSpace.build([records], holdout_identities=5, seed=3)
    held_out = space.holdout["a"]
    assert len(set(held_out)) == 5
    assert sorted(held_out + space.domains[0].person_ids.tolist()) == list(range(20))
    assert space.num_images == 30
    assert space.domains[0].holdout_images == 10


def test_recorded_holdout_of_another_build_is_refused(two_sources):
    with pytest.raises(errors.UserError, match=r"a: the person ids \[77\]"):
        label_space.LabelSpace.build(two_sources, holdout={"a": [4, 77]})


def test_a_person_id_that_is_no_identity_cannot_be_held_out(two_sources):
    with pytest.raises(errors.UserError, match=r"b: the person ids \[0\]"):
        label_space.LabelSpace.build(two_sources, holdout={"b": [0]})


def test_nothing_left_to_train_on_is_an_error(two_sources):
    with pytest.raises(errors.UserError, match="b: found no identity to train on"):
        label_space.LabelSpace.build(two_sources, holdout={"b": [4, 8]})


def test_a_source_given_twice_is_refused(two_sources):
    with pytest.raises(errors.UserError, match="--sources=a,a"):
        label_space.LabelSpace.build([two_sources[0]] * 2)
    with pytest.raises(
        errors.UserError, match="--sources=: found none; .*at least one"
    ):
        label_space.LabelSpace.build([])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cuhk02", "cuhk02/complete"),
        ("cuhk02/partial", "cuhk02"),
        ("synthetic_reid/plaza", "synthetic_reid"),
        ("reid_folder:a/crops", "reid_folder:a/x/../crops"),
        ("reid_folder:a/crops", r"reid_folder:a/crops?camera=^(\d+)_"),
    ],
)
def test_a_source_under_two_names_is_refused(made_up_records, one, other):
    sources = [made_up_records(name, [1, 2]) for name in (one, "viper", other)]
    with pytest.raises(errors.UserError) as caught:
        label_space.LabelSpace.build(sources)
    assert f"--sources={one},viper,{other}: " in str(caught.value)
    assert f"found one data set as {one} and {other};" in str(caught.value)
    space = label_space.LabelSpace.build(sources[1:])
    assert [domain.reference for domain in space.domains] == ["viper", other]


def test_an_own_image_in_two_sources_is_refused(made_up_records):
    """Its person would be two identities that training tells apart."""
    one = made_up_records("reid_folder:a", [1, 2], file_names=["x/1.png", "x/2.png"])
    names = ["1.png", "3.png"]
    other = made_up_records("reid_folder:a/x/list.csv", [7, 8], file_names=names)
    told = "reid_folder:a and .*list.csv both list 1 images .*x/1.png"
    for aside in (None, {"reid_folder:a": [1]}):
        with pytest.raises(errors.UserError, match=told):
            label_space.LabelSpace.build([one, other], holdout=aside)
    apart = made_up_records("reid_folder:a/y/list.csv", [7, 8], file_names=names)
    assert label_space.LabelSpace.build([one, apart]).num_identities == 4


def test_an_own_image_in_two_sources_by_a_link_is_refused(made_up_records, tmp_path):
    (tmp_path / "a" / "x").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "y").symlink_to("../a/x")
    one = made_up_records(f"reid_folder:{tmp_path}/a", [1], file_names=["x/1.png"])
    other = made_up_records(f"reid_folder:{tmp_path}/b", [7], file_names=["y/1.png"])
    told = f"both list 1 images .the first is {tmp_path}/a/x/1.png"
    with pytest.raises(errors.UserError, match=told):
        label_space.LabelSpace.build([one, other])


def test_sources_of_one_data_sets_other_configs_are_two(made_up_records):
    names = ["synthetic_reid", "synthetic_reid/alley", "reid_folder:a", "reid_folder:b"]
    sources = [made_up_records(name, [1, 2]) for name in names]
    assert label_space.LabelSpace.build(sources).num_identities == 8


def test_table(two_sources):
    table = label_space.LabelSpace.build(two_sources, holdout={"a": [9]}).table()
    rows = [line.split() for line in table.splitlines()]
    assert rows[1] == ["a", "3", "4", "2", "1"]
    assert rows[2] == ["b", "2", "3", "1", "0"]
    assert rows[3] == ["sum", "5", "7", "3", "1"]
    assert "C = 5 identities" in table
    assert (
        "3 identities have a single image: it is every image that a batch takes"
        in table
    )


def test_table_says_nothing_of_single_images_where_there_is_none(made_up_records):
    space = label_space.LabelSpace.build([made_up_records("a", [1, 1])])
    assert "have a single image" not in space.table()


def _facts(**counts):
    """reference -> facts, from reference=(identities, images)."""

    def facts_of(reference):
        identities, images = counts[reference.split("/")[0]]
        return types.SimpleNamespace(identities=identities, images=images)

    return facts_of


def test_complete_sources_agree_with_table_1(two_sources):
    space = label_space.LabelSpace.build(two_sources, holdout={"a": [9]})
    # Held-out identities count too: 4 identities with 6 images, 2 with 3.
    text = space.check_complete(_facts(a=(4, 6), b=(2, 3)))
    assert "a, b" in text


@pytest.mark.parametrize("wrong", [(5, 6), (4, 7)])
def test_a_count_that_differs_from_table_1_is_an_error(two_sources, wrong):
    space = label_space.LabelSpace.build(two_sources)
    with pytest.raises(errors.UserError) as caught:
        space.check_complete(_facts(a=wrong, b=(2, 3)))
    assert "a: found 4 identities and 6 images" in str(caught.value)
    assert f"expected {wrong[0]} and {wrong[1]}" in str(caught.value)


def test_partial_and_foreign_sources_are_not_compared(made_up_records):
    space = label_space.LabelSpace.build(
        [made_up_records("a/partial", [1, 2]), made_up_records("c", [1])]
    )
    text = space.check_complete(_facts(a=(100, 1000), c=(None, None)))
    assert "a/partial, c" in text.split("Not compared")[1]


def _paper_sources(made_up_records, sizes, holdout=(), holdout_images=0):
    """Sources whose domains say the given counts, without that many images.

    Of each, `holdout` and their images are set aside.
    """
    space = label_space.LabelSpace.build(
        [made_up_records(name, [0, 1]) for name in sizes]
    )
    domains = []
    for domain, (identities, images) in zip(space.domains, sizes.values(), strict=True):
        domains.append(
            types.SimpleNamespace(
                reference=domain.reference,
                num_identities=identities - len(holdout),
                num_images=images - holdout_images,
                holdout=holdout,
                holdout_images=holdout_images,
            )
        )
    return label_space.LabelSpace(tuple(domains))


_TABLE_1 = {
    "cuhk02": (1_816, 7_264),
    "cuhk03": (1_467, 14_097),
    "dukemtmc_reid": (1_812, 36_411),
    "market1501": (1_501, 29_419),
    "cuhk_sysu": (11_934, 34_574),
}


def test_the_papers_sums(made_up_records):
    space = _paper_sources(made_up_records, _TABLE_1)
    text = space.check_complete(_facts(**_TABLE_1))
    assert "18,530 identities, 121,765 images" in text


def test_the_papers_sums_without_duke(made_up_records):
    sizes = {k: v for k, v in _TABLE_1.items() if k != "dukemtmc_reid"}
    text = _paper_sources(made_up_records, sizes).check_complete(_facts(**sizes))
    assert "16,718 identities, 85,354 images" in text


def test_the_sum_itself_is_asserted(made_up_records):
    wrong = _TABLE_1 | {"cuhk02": (1_815, 7_264)}
    with pytest.raises(errors.UserError, match="all sources: found 18,529"):
        # The facts say the same wrong number, so that only the sum can tell.
        _paper_sources(made_up_records, wrong).check_complete(_facts(**wrong))


def test_the_papers_sums_count_who_is_held_out(made_up_records):
    space = _paper_sources(made_up_records, _TABLE_1, holdout=(3, 9), holdout_images=7)
    assert space.num_identities == 18_520 and space.num_images == 121_730
    text = space.check_complete(_facts(**_TABLE_1))
    assert "18,530 identities, 121,765 images" in text
    wrong = _TABLE_1 | {"cuhk02": (1_816, 7_263)}
    with pytest.raises(errors.UserError, match="sources: found 18,530 .* and 121,764"):
        _paper_sources(made_up_records, wrong, (3, 9), 7).check_complete(
            _facts(**wrong)
        )


def test_what_was_compared_is_said(two_sources):
    space = label_space.LabelSpace.build(two_sources)
    text = space.check_complete(_facts(a=(4, 6), b=(2, 3)))
    assert text == "Counts as published: a, b."
    text = space.check_complete(_facts(a=(4, 6), b=(None, None)))
    assert text == (
        "Counts as published: a. Not compared (incomplete, or nothing published): b."
    )
    text = space.check_complete(_facts(a=(None, None), b=(None, None)))
    assert text.startswith("Counts as published: nothing compared. Not compared")
