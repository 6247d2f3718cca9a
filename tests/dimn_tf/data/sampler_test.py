import collections
import tracemalloc

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.data import domain as domains
from dimn_tf.data import label_space, sampler


@pytest.fixture
def space(made_up_records):
    """10, 20 and 40 persons of three sources with 1 to 4 images each."""
    sources = []
    for name, persons in (("a", 10), ("b", 20), ("c", 40)):
        ids = np.concatenate([np.full(1 + p % 4, 100 - p) for p in range(persons)])
        rng = np.random.default_rng(persons)
        cameras = rng.integers(0, 2, len(ids))
        order = rng.permutation(len(ids))
        sources.append(made_up_records(name, ids[order], camera_ids=cameras[order]))
    return label_space.LabelSpace.build(sources)


def _persons(space, drawn, indices):
    """Raw person and camera of each drawn image, looked up in the records."""
    sources = [space.domains[d].records for d in drawn.domains]
    pairs = list(zip(sources, indices, strict=True))
    return (
        np.array([source.person_ids[i] for source, i in pairs]),
        np.array([source.camera_ids[i] for source, i in pairs]),
    )


@pytest.mark.parametrize("domain_sampling", sampler.DOMAIN_SAMPLING)
@pytest.mark.parametrize("cross_camera_pairs", [False, True])
def test_a_batch_is_pairs_of_distinct_identities(
    space, domain_sampling, cross_camera_pairs
):
    drawer = sampler.PairSampler(space, 8, domain_sampling, cross_camera_pairs)
    for step in range(100):
        drawn = drawer.sample(step)
        assert len(set(drawn.labels.tolist())) == 8
        assert drawn.labels.dtype == np.int32
        gallery_persons, _ = _persons(space, drawn, drawn.gallery)
        probe_persons, _ = _persons(space, drawn, drawn.probe)
        # Label, domain and images name the same person.
        for row, label in enumerate(drawn.labels):
            domain = space.domains[drawn.domains[row]]
            person = domain.person_ids[label - domain.first_label]
            assert gallery_persons[row] == probe_persons[row] == person
            images = np.sum(domain.records.person_ids == person)
            assert (drawn.gallery[row] != drawn.probe[row]) == (images > 1)


@pytest.mark.parametrize("domain_sampling", ["uniform", "proportional"])
def test_a_batch_is_of_one_domain(space, domain_sampling):
    drawer = sampler.PairSampler(space, 8, domain_sampling)
    assert all(len(set(drawer.sample(t).domains)) == 1 for t in range(50))


def _domain_counts(space, domain_sampling, steps):
    drawer = sampler.PairSampler(space, 8, domain_sampling)
    drawn = np.concatenate([drawer.sample(step).domains for step in range(steps)])
    return np.bincount(drawn, minlength=3) / len(drawn)


def test_uniform_draws_each_domain_alike(space):
    # Standard deviation of a share over 3,000 steps: 0.009.
    np.testing.assert_allclose(
        _domain_counts(space, "uniform", 3000), [1 / 3] * 3, atol=0.04
    )


def test_proportional_draws_a_domain_as_often_as_it_has_identities(space):
    np.testing.assert_allclose(
        _domain_counts(space, "proportional", 3000), [1 / 7, 2 / 7, 4 / 7], atol=0.04
    )


def test_all_mixes_domains_in_a_batch(space):
    np.testing.assert_allclose(
        _domain_counts(space, "all", 500), [1 / 7, 2 / 7, 4 / 7], atol=0.04
    )
    drawer = sampler.PairSampler(space, 8, "all")
    assert any(len(set(drawer.sample(t).domains)) == 3 for t in range(20))


def test_every_identity_is_drawn_alike(space):
    drawer = sampler.PairSampler(space, 10, "all")
    labels = np.concatenate([drawer.sample(step).labels for step in range(2000)])
    counts = np.bincount(labels, minlength=70)
    # 20,000 draws over 70 identities: 286 each, standard deviation 16.
    assert counts.min() > 286 - 5 * 16
    assert counts.max() < 286 + 5 * 16


def test_every_ordered_pair_of_images_is_drawn_alike(made_up_records):
    space = label_space.LabelSpace.build([made_up_records("a", [5, 5, 5])])
    drawer = sampler.PairSampler(space, 1)
    pairs = collections.Counter()
    for step in range(3000):
        drawn = drawer.sample(step)
        pairs[int(drawn.gallery[0]), int(drawn.probe[0])] += 1
    # 6 pairs, 500 each, standard deviation 20.
    assert len(pairs) == 6
    assert all(abs(count - 500) < 100 for count in pairs.values())


def test_cross_camera_pairs_where_there_are_two_cameras(made_up_records):
    # Person 1: cameras 0, 0, 0, 7; person 2: camera 3 only; person 3: one image.
    source = made_up_records(
        "a", [1, 1, 1, 1, 2, 2, 3], camera_ids=[0, 0, 0, 7, 3, 3, 0]
    )
    space = label_space.LabelSpace.build([source])
    drawer = sampler.PairSampler(space, 3, cross_camera_pairs=True)
    seen = collections.defaultdict(set)
    for step in range(200):
        drawn = drawer.sample(step)
        for label, *pair in zip(drawn.labels, drawn.gallery, drawn.probe, strict=True):
            seen[int(label)].add(tuple(int(i) for i in pair))
    assert seen[0] == {(0, 3), (1, 3), (2, 3), (3, 0), (3, 1), (3, 2)}
    assert seen[1] == {(4, 5), (5, 4)}
    assert seen[2] == {(6, 6)}


def test_without_the_flag_one_camera_will_do(made_up_records):
    source = made_up_records("a", [1, 1, 1, 1], camera_ids=[0, 0, 0, 7])
    drawer = sampler.PairSampler(label_space.LabelSpace.build([source]), 1)
    drawn = [drawer.sample(step) for step in range(100)]
    assert any(max(d.gallery[0], d.probe[0]) < 3 for d in drawn)


def _same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_step_is_a_pure_function_of_seed_and_step(space):
    first = sampler.PairSampler(space, 8, seed=5)
    forwards = [first.sample(step) for step in range(20)]
    second = sampler.PairSampler(space, 8, seed=5)
    backwards = [second.sample(step) for step in reversed(range(20))][::-1]
    assert all(map(_same, forwards, backwards))


def test_steps_and_seeds_differ(space):
    batches = [sampler.PairSampler(space, 8, seed=s).sample(0) for s in range(5)]
    batches += [sampler.PairSampler(space, 8).sample(t) for t in range(1, 5)]
    # Seed 1 at step 0 must not repeat seed 0 at step 1 either.
    for i, first in enumerate(batches):
        assert not any(_same(first, other) for other in batches[i + 1 :])


def test_a_domain_with_too_few_identities_is_named(space):
    with pytest.raises(errors.UserError) as caught:
        sampler.PairSampler(space, 11)
    assert "a: found 10 identities" in str(caught.value)
    assert "--identities_per_batch=11" in str(caught.value)
    assert len(sampler.PairSampler(space, 11, "all").sample(0).labels) == 11
    with pytest.raises(errors.UserError, match="all sources together: found 70"):
        sampler.PairSampler(space, 71, "all")


def test_a_batch_may_take_a_whole_domain(space):
    drawer = sampler.PairSampler(space, 10, seed=2)
    whole = [d for d in map(drawer.sample, range(30)) if d.domains[0] == 0]
    assert whole
    assert all(sorted(d.labels.tolist()) == list(range(10)) for d in whole)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"domain_sampling": "some"}, "--domain_sampling=some"),
        ({"identities_per_batch": 0}, "--identities_per_batch=0"),
        ({"seed": -1}, "--seed=-1"),
        ({"seed": 2**31}, "--seed=2147483648"),
    ],
)
def test_options_out_of_range(space, kwargs, message):
    with pytest.raises(errors.UserError, match=message):
        sampler.PairSampler(space, **({"identities_per_batch": 4} | kwargs))


def test_a_step_costs_nothing_that_grows_with_the_label_space(made_up_records):
    million = 1_000_000
    big = domains.Domain(
        records=made_up_records("big", [1]),
        first_label=0,
        person_ids=np.arange(million),
        offsets=np.arange(million + 1) * 2,
        image_indices=np.arange(2 * million),
        cameras=np.zeros(2 * million, np.int64),
    )
    space = label_space.LabelSpace((big,))
    for domain_sampling in sampler.DOMAIN_SAMPLING:
        drawer = sampler.PairSampler(space, 32, domain_sampling)
        drawer.sample(0)
        tracemalloc.start()
        drawn = drawer.sample(1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # A permutation or a mask of all identities would take 1 to 8 MB.
        assert peak < 100_000
        np.testing.assert_array_equal(drawn.gallery // 2, drawn.labels)
        np.testing.assert_array_equal(drawn.probe // 2, drawn.labels)
