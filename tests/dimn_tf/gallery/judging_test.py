"""CMC and mAP of a gallery's search, by hand and against the whole matrix."""

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.evaluation import ranking
from dimn_tf.gallery import Entry, Gallery, judging

MODEL = "ab" * 32


@pytest.fixture
def gallery(tmp_path):
    with Gallery.create(tmp_path, MODEL, 2) as made:
        yield made


def test_by_hand(gallery):
    gallery.add(
        [
            Entry("a", np.array([4.0, 0.1]), "anna"),
            Entry("b", np.array([3.0, 0.2]), None),
            Entry("c", np.array([2.0, 0.3]), "anna"),
            Entry("d", np.array([1.0, 0.4]), "bo"),
        ]
    )
    # anna: ranks 1 and 3, AP (1/1 + 2/3) / 2 = 5/6; bo by the other axis: rank 1.
    # A second probe of bo along the first axis: rank 4, AP 1/4.
    probes = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    judged = judging.rank_probes(
        gallery, probes, ["anna", "bo", "bo"], "refuse", (0.75, 2.5)
    )
    result = judged.ranking
    assert result.first_match_ranks.tolist() == [1, 1, 4]
    np.testing.assert_allclose(result.average_precisions, [5 / 6, 1, 1 / 4])
    assert result.cmc[1] == pytest.approx(2 / 3)
    # Likenesses of anna: anna 4, 2, bo 1; of bo, second axis: bo 0.4, anna 0.1, 0.3;
    # of bo, first axis: bo 1, anna 4, 2. Entry b is nobody's.
    # One person: 4, 2, 0.4, 1; two: 1, 0.1, 0.3, 4, 2.
    assert judged.true_accepts == (3 / 4, 1 / 4)
    assert judged.false_accepts == (3 / 5, 1 / 5)


def test_a_threshold_above_tied_entries_accepts_none_of_them(gallery):
    tied = np.float32(0.7)
    gallery.add(
        [Entry(f"e{i}", np.array([tied, i], np.float32), f"p{i}") for i in range(4)]
    )
    probes = np.array([[1, 0]], np.float32)
    # A step above in float64 (calibrations of older versions) and in float32.
    thresholds = [
        float(np.nextafter(kind(tied), kind(1))) for kind in (np.float64, np.float32)
    ]
    judged = judging.rank_probes(
        gallery, probes, ["p0"], thresholds=(*thresholds, float(tied))
    )
    assert judged.false_accepts == judged.true_accepts == (0, 0, 1)


def test_likeness_does_not_grow_with_the_probe(gallery):
    gallery.add([Entry("a", np.array([0.6, 0.8]), "anna")])
    for length in (1, 9):
        judged = judging.rank_probes(
            gallery, np.array([[length, 0.0]]), ["anna"], thresholds=(0.59, 0.61)
        )
        assert judged.true_accepts == (1.0, 0.0)
        assert judged.false_accepts == (None, None)  # No pair of two persons.


def test_persons_that_no_probe_is_of_are_wrongly_accepted_too(gallery):
    gallery.add(
        [
            Entry("a", np.array([0.9, 0.1]), "anna"),
            Entry("s", np.array([0.8, 0.6]), "a stranger"),
            Entry("t", np.array([0.2, 0.9]), "another"),
            Entry("u", np.array([0.9, 0.9]), None),
        ]
    )
    probes = np.array([[1.0, 0.0]])
    judged = judging.rank_probes(gallery, probes, ["anna"], thresholds=(0.7,))
    assert judged.false_accepts == (1 / 2,) and judged.true_accepts == (1.0,)


def test_a_search_asks_for_a_bounded_number_of_hits(gallery, monkeypatch):
    monkeypatch.setattr(judging, "_HITS", 11)
    gallery.add([Entry(f"e{i}", np.array([1.0, i]), "anna") for i in range(4)])
    asked, search = [], gallery.search
    monkeypatch.setattr(
        gallery, "search", lambda p, k: (asked.append((len(p), k)), search(p, k))[1]
    )
    judged = judging.rank_probes(gallery, np.ones((5, 2)), ["anna"] * 5)
    assert asked == [(2, 4), (2, 4), (1, 4)] and judged.ranking.cmc[1] == 1.0
    monkeypatch.setattr(judging, "_HITS", 3)  # Less than one probe's.
    del asked[:]
    judging.rank_probes(gallery, np.ones((2, 2)), ["anna"] * 2)
    assert asked == [(1, 4), (1, 4)]


def test_is_the_ranking_of_the_whole_matrix(gallery):
    rng = np.random.default_rng(0)
    vectors, probes = rng.normal(size=(60, 2)), rng.normal(size=(150, 2))
    persons, wanted = rng.integers(0, 9, 60), rng.integers(0, 9, 150)
    names = [f"e{i:02}" for i in range(60)]
    gallery.add(
        [Entry(n, v, f"p{p}") for n, v, p in zip(names, vectors, persons, strict=True)]
    )
    found = judging.rank_probes(gallery, probes, [f"p{p}" for p in wanted]).ranking
    expected = ranking.evaluate_ranking(
        (probes @ vectors.T).astype(np.float32), wanted, persons
    )
    assert found.cmc == expected.cmc
    np.testing.assert_array_equal(found.average_precisions, expected.average_precisions)


def test_unmatched_probes_are_refused_or_counted_apart(gallery):
    with pytest.raises(errors.UserError, match="holds no entry"):
        judging.rank_probes(gallery, np.ones((1, 2)), ["anna"])
    gallery.add([Entry("a", np.ones(2), "anna")])
    with pytest.raises(
        errors.UserError, match="1 persons of probes are not enrolled: 'cy'"
    ):
        judging.rank_probes(gallery, np.ones((2, 2)), ["anna", "cy"])
    result = judging.rank_probes(
        gallery, np.ones((2, 2)), ["anna", "cy"], "apart"
    ).ranking
    assert result.unmatched.tolist() == [1] and result.cmc[1] == 1.0


def test_a_probes_own_entry_is_passed_over(gallery):
    gallery.add(
        [
            Entry("a", np.array([4.0, 0.1]), "anna"),
            Entry("b", np.array([3.0, 0.2]), "bo"),
            Entry("c", np.array([2.0, 0.3]), "anna"),
            Entry("d", np.array([1.0, 0.4]), "bo"),
        ]
    )
    # Probe a (anna), a passed over: b 3, c 2, d 1; her c at rank 2: AP 1/2.
    # Probe d (bo), d passed over: c 0.3, b 0.2, a 0.1; his b at rank 2: AP 1/2.
    # Probe x (anna) is not enrolled: a 4, b 3, c 2, d 1; AP (1/1 + 2/3) / 2 = 5/6.
    probes = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    asked = (gallery, probes, ["anna", "bo", "anna"], "refuse", (2.5,))
    judged = judging.rank_probes(*asked, ["a", "d", "x"])
    assert judged.own_entries == 2
    assert judged.ranking.first_match_ranks.tolist() == [2, 2, 1]
    np.testing.assert_allclose(judged.ranking.average_precisions, [1 / 2, 1 / 2, 5 / 6])
    # One person: 2 of a, 0.2 of d, 4 and 2 of x. Two: 3, 1; 0.3, 0.1; 3, 1.
    assert judged.true_accepts == (1 / 4,)
    assert judged.false_accepts == (2 / 6,)
    # Without a word of their entries each would find itself first.
    found = judging.rank_probes(*asked)
    assert found.ranking.cmc[1] == 1.0 and found.own_entries == 0


@pytest.mark.parametrize("named", ["bo", None])
def test_an_own_entry_by_another_name_is_no_rival(gallery, named):
    gallery.add(
        [
            Entry("a", np.array([4.0, 0.1]), named),
            Entry("c", np.array([2.0, 0.3]), "anna"),
        ]
    )
    judged = judging.rank_probes(
        gallery, np.array([[1.0, 0.0]]), ["anna"], thresholds=(1.0,),
        probe_entries=["a"],
    )  # fmt: skip
    assert judged.ranking.cmc[1] == 1.0
    assert judged.false_accepts == (None,) and judged.true_accepts == (1.0,)


def test_a_probe_that_is_its_persons_only_entry_has_no_match(gallery):
    gallery.add([Entry(n, np.array([1.0, 0.1]), p) for n, p in ("aa", "bb", "cb")])
    probes = np.ones((2, 2)), ["a", "b"]
    with pytest.raises(
        errors.UserError, match="1 probes are themselves the only .*'a'"
    ):
        judging.rank_probes(gallery, *probes, probe_entries=["a", "b"])
    judged = judging.rank_probes(gallery, *probes, "apart", probe_entries=["a", "b"])
    assert judged.ranking.unmatched.tolist() == [0] and judged.own_entries == 2
    with pytest.raises(errors.UserError, match="1 probes are themselves the only"):
        judging.rank_probes(
            gallery, np.ones((1, 2)), ["a"], "apart", probe_entries=["a"]
        )


def _seen(entry_id, vector, person, camera):
    metadata = {} if camera is None else {"camera_id": camera}
    return Entry(entry_id, np.array(vector), person, metadata)


@pytest.fixture
def of_two_cameras(gallery):
    gallery.add(
        [
            _seen("a1", [4.0, 0.1], "anna", "1"),
            _seen("b1", [3.0, 0.2], "bo", "1"),
            _seen("a2", [2.0, 0.3], "anna", "2"),
            _seen("b2", [1.0, 0.4], "bo", "2"),
            _seen("a0", [0.5, 0.5], "anna", None),
        ]
    )
    return gallery


def test_matches_from_a_probes_own_camera_are_told_or_passed_over(of_two_cameras):
    # All along the first axis: a1 4, b1 3, a2 2, b2 1, a0 0.5. Of anna by camera 1, a1
    # is of her own camera: without it a2 has rank 2, a0 rank 4, AP (1/2 + 2/4) / 2. Of
    # anna by camera 3 or none: 1, 3, 5, AP (1/1 + 2/3 + 3/5) / 3. Of bo by camera 2,
    # himself entry b2, no other is of his camera: b1 rank 2 of a1, b1, a2, a0.
    probes, persons = np.array([[1.0, 0.0]] * 4), ["anna", "anna", "anna", "bo"]
    given = {
        "probe_entries": ["x", "y", "z", "b2"],
        "probe_cameras": ["1", "3", None, "2"],
        "thresholds": (3.5, 0.75),
    }
    plain = judging.rank_probes(of_two_cameras, probes, persons, **given)
    assert plain.same_camera == 1 and plain.own_entries == 1
    every = (1 + 2 / 3 + 3 / 5) / 3
    np.testing.assert_allclose(
        plain.ranking.average_precisions, [every, every, every, 1 / 2]
    )
    # One person: 4, 2, 0.5 of each anna, 3 of bo.
    assert plain.true_accepts == (3 / 10, 7 / 10)
    across = judging.rank_probes(
        of_two_cameras, probes, persons, **given, camera_rule="cross_camera"
    )
    assert across.same_camera == 1 and across.own_entries == 1
    np.testing.assert_allclose(
        across.ranking.average_precisions, [1 / 2, every, every, 1 / 2]
    )
    assert across.ranking.first_match_ranks.tolist() == [2, 1, 1, 2]
    assert across.true_accepts == (2 / 9, 6 / 9)
    assert across.false_accepts == plain.false_accepts


def test_is_the_ranking_with_cameras_of_the_whole_matrix(gallery):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(80, 2)).astype(np.float32)
    persons, cameras = rng.integers(0, 7, 80), rng.integers(0, 3, 80)
    names = [f"e{i:02}" for i in range(80)]
    rows = zip(names, vectors, persons, cameras, strict=True)
    gallery.add([_seen(n, v, f"p{p}", f"c{c}") for n, v, p, c in rows])
    asked = rng.permutation(80)[:40]  # Enrolled themselves: own entries pass over too.
    found = judging.rank_probes(
        gallery,
        vectors[asked],
        [f"p{p}" for p in persons[asked]],
        probe_entries=[names[i] for i in asked],
        probe_cameras=[f"c{c}" for c in cameras[asked]],
        camera_rule="cross_camera",
    )
    expected = ranking.evaluate_ranking(
        vectors[asked] @ vectors.T,
        persons[asked],
        persons,
        cameras[asked],
        cameras,
    )
    assert found.ranking.cmc == expected.cmc
    np.testing.assert_array_equal(
        found.ranking.average_precisions, expected.average_precisions
    )
    counts = [
        np.sum((persons == persons[i]) & (cameras == cameras[i])) > 1 for i in asked
    ]
    assert found.same_camera == sum(counts) > 0


def test_probes_matched_by_their_own_camera_alone_are_refused(gallery):
    gallery.add(
        [
            _seen("a", [1.0, 0.1], "anna", "1"),
            _seen("b", [1.0, 0.2], "bo", "1"),
            _seen("c", [1.0, 0.3], "bo", "2"),
        ]
    )
    given = (gallery, np.ones((2, 2)), ["anna", "bo"])
    kept = {"probe_cameras": ["1", "1"], "camera_rule": "cross_camera"}
    with pytest.raises(errors.UserError, match=r"1 persons .* 'anna \(camera 1\)'"):
        judging.rank_probes(*given, **kept)
    judged = judging.rank_probes(*given, "apart", **kept)
    assert judged.ranking.unmatched.tolist() == [0]
    with pytest.raises(errors.UserError, match=r"--camera_rule=none"):
        judging.rank_probes(gallery, np.ones((1, 2)), ["anna"], "apart", **{
            **kept, "probe_cameras": ["1"]
        })  # fmt: skip
    # Her own entry is enrolled without a camera: it is passed over all the same.
    gallery.add([_seen("own", [1.0, 0.1], "anna", None)])
    with pytest.raises(errors.UserError, match=r"'anna \(camera 1\)'"):
        judging.rank_probes(*given, **kept, probe_entries=["own", "none"])
    assert judging.rank_probes(*given, **kept).ranking.unmatched.size == 0


@pytest.mark.parametrize("change", ["add", "remove", "name", "camera"])
def test_a_gallery_that_changes_meanwhile_is_refused(gallery, monkeypatch, change):
    gallery.add([_seen(n, [1.0, 0.1], "anna", "1") for n in "abc"])
    search = gallery.search

    def changed_since(features, k):
        if change == "add":
            if "new" not in gallery:
                gallery.add([Entry("new", np.array([9.0, 9.0]), "anna")])
        elif change == "remove":
            if "a" in gallery:
                gallery.remove(["a"])
        else:
            person, camera = ("bo", "1") if change == "name" else ("anna", "2")
            gallery.add([_seen("a", [1.0, 0.1], person, camera)], replace=True)
        return search(features, k)

    monkeypatch.setattr(gallery, "search", changed_since)
    with pytest.raises(errors.UserError, match="added, removed or given other labels"):
        judging.rank_probes(gallery, np.ones((1, 2)), ["anna"], probe_cameras=["1"])
