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


@pytest.mark.parametrize("change", ["add", "remove", "name"])
def test_a_gallery_that_changes_meanwhile_is_refused(gallery, monkeypatch, change):
    gallery.add([Entry(n, np.array([1.0, 0.1]), "anna") for n in "abc"])
    search = gallery.search

    def changed_since(features, k):
        if change == "add":
            if "new" not in gallery:
                gallery.add([Entry("new", np.array([9.0, 9.0]), "anna")])
        elif change == "remove":
            if "a" in gallery:
                gallery.remove(["a"])
        else:
            named = Entry("a", np.array([1.0, 0.1]), "bo")
            gallery.add([named], replace=True)
        return search(features, k)

    monkeypatch.setattr(gallery, "search", changed_since)
    with pytest.raises(errors.UserError, match="added, removed or given other persons"):
        judging.rank_probes(gallery, np.ones((1, 2)), ["anna"])
