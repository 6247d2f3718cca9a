import collections
import tracemalloc

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.data import batch_request, hard_groups, label_space, sampler
from dimn_tf.data import domain as domains
from tests.dimn_tf.data import old_pairs

ONE_OR_ALL = ("uniform", "proportional", "all")


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


def _sampler(space, identities=8, domain_sampling="uniform", seed=0, **kwargs):
    request = batch_request.BatchRequest(
        identities, domain_sampling=domain_sampling, **kwargs
    )
    return sampler.IdentitySampler(space, request, seed)


@pytest.mark.parametrize("domain_sampling", batch_request.DOMAIN_SAMPLING)
@pytest.mark.parametrize("cross_camera", [False, True])
@pytest.mark.parametrize("images", [1, 2, 3, 6])
def test_a_batch_is_images_of_distinct_identities(
    space, domain_sampling, cross_camera, images
):
    drawer = _sampler(
        space,
        domain_sampling=domain_sampling,
        cross_camera=cross_camera,
        images_per_identity=images,
    )
    for step in range(50):
        drawn = drawer.sample(step)
        assert len(set(drawn.labels.tolist())) == 8
        assert [array.dtype for array in drawn] == [np.int32] * 2 + [np.int64, np.int32]
        assert drawn.images.shape == drawn.cameras.shape == (8, images)
        # Label, domain, images and cameras name the same person and its views.
        for row, label in enumerate(drawn.labels):
            domain = space.domains[drawn.domains[row]]
            person = domain.person_ids[label - domain.first_label]
            found = drawn.images[row]
            assert set(domain.records.person_ids[found]) == {person}
            has = np.sum(domain.records.person_ids == person)
            # No image comes again before all others of the person have come.
            times = collections.Counter(found.tolist()).values()
            assert len(times) == min(has, images)
            assert max(times) - min(times) <= (len(times) == has)
            raw = domain.records.camera_ids[found]
            first = 2 * drawn.domains[row]
            np.testing.assert_array_equal(drawn.cameras[row], first + raw)


@pytest.mark.parametrize("domain_sampling", ONE_OR_ALL)
@pytest.mark.parametrize("cross_camera", [False, True])
def test_two_images_each_are_drawn_as_pairs_always_were(
    space, domain_sampling, cross_camera
):
    for seed in (0, 7):
        drawer = _sampler(
            space,
            domain_sampling=domain_sampling,
            cross_camera=cross_camera,
            seed=seed,
        )
        for step in range(60):
            drawn = drawer.sample(step)
            old = old_pairs.draw(space, 8, domain_sampling, cross_camera, seed, step)
            new = (drawn.domains, drawn.labels, drawn.images[:, 0], drawn.images[:, 1])
            for one, other in zip(old, new, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("domain_sampling", ["uniform", "proportional", "by_images"])
def test_a_batch_is_of_one_domain(space, domain_sampling):
    drawer = _sampler(space, 8, domain_sampling)
    assert all(len(set(drawer.sample(t).domains)) == 1 for t in range(50))


def _domain_counts(space, domain_sampling, steps):
    drawer = _sampler(space, 8, domain_sampling)
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


def test_by_images_draws_a_domain_as_often_as_it_has_images(space):
    assert [d.num_images for d in space.domains] == [23, 50, 100]
    np.testing.assert_allclose(
        _domain_counts(space, "by_images", 3000), [0.133, 0.289, 0.578], atol=0.04
    )


def test_all_mixes_domains_in_a_batch(space):
    np.testing.assert_allclose(
        _domain_counts(space, "all", 500), [1 / 7, 2 / 7, 4 / 7], atol=0.04
    )
    drawer = _sampler(space, 8, "all")
    assert any(len(set(drawer.sample(t).domains)) == 3 for t in range(20))


def test_every_identity_is_drawn_alike(space):
    drawer = _sampler(space, 10, "all")
    labels = np.concatenate([drawer.sample(step).labels for step in range(2000)])
    counts = np.bincount(labels, minlength=70)
    # 20,000 draws over 70 identities: 286 each, standard deviation 16.
    assert counts.min() > 286 - 5 * 16
    assert counts.max() < 286 + 5 * 16


def test_every_ordered_pair_of_images_is_drawn_alike(made_up_records):
    space = label_space.LabelSpace.build([made_up_records("a", [5, 5, 5])])
    drawer = _sampler(space, 1)
    pairs = collections.Counter()
    for step in range(3000):
        drawn = drawer.sample(step)
        pairs[int(drawn.images[0, 0]), int(drawn.images[0, 1])] += 1
    # 6 pairs, 500 each, standard deviation 20.
    assert len(pairs) == 6
    assert all(abs(count - 500) < 100 for count in pairs.values())


def test_two_cameras_where_there_are_two_cameras(made_up_records):
    # Person 1: cameras 0, 0, 0, 7; person 2: camera 3 only; person 3: one image.
    source = made_up_records(
        "a", [1, 1, 1, 1, 2, 2, 3], camera_ids=[0, 0, 0, 7, 3, 3, 0]
    )
    space = label_space.LabelSpace.build([source])
    drawer = _sampler(space, 3, cross_camera=True)
    seen = collections.defaultdict(set)
    for step in range(200):
        drawn = drawer.sample(step)
        for label, pair in zip(drawn.labels, drawn.images, strict=True):
            seen[int(label)].add(tuple(pair.tolist()))
    assert seen[0] == {(0, 3), (1, 3), (2, 3), (3, 0), (3, 1), (3, 2)}
    assert seen[1] == {(4, 5), (5, 4)}
    assert seen[2] == {(6, 6)}


def test_without_the_flag_one_camera_will_do(made_up_records):
    source = made_up_records("a", [1, 1, 1, 1], camera_ids=[0, 0, 0, 7])
    drawer = _sampler(label_space.LabelSpace.build([source]), 1)
    drawn = [drawer.sample(step) for step in range(100)]
    assert any(d.images.max() < 3 for d in drawn)


def _same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_step_is_a_pure_function_of_seed_and_step(space):
    first = _sampler(space, 8, seed=5)
    forwards = [first.sample(step) for step in range(20)]
    second = _sampler(space, 8, seed=5)
    backwards = [second.sample(step) for step in reversed(range(20))][::-1]
    assert all(map(_same, forwards, backwards))


def test_steps_and_seeds_differ(space):
    batches = [_sampler(space, 8, seed=s).sample(0) for s in range(5)]
    batches += [_sampler(space, 8).sample(t) for t in range(1, 5)]
    # Seed 1 at step 0 must not repeat seed 0 at step 1 either.
    for i, first in enumerate(batches):
        assert not any(_same(first, other) for other in batches[i + 1 :])


def test_a_domain_with_too_few_identities_is_named(space):
    with pytest.raises(errors.UserError) as caught:
        _sampler(space, 11)
    assert "a: found 10 identities" in str(caught.value)
    assert "--identities_per_batch=11" in str(caught.value)
    assert len(_sampler(space, 11, "all").sample(0).labels) == 11
    with pytest.raises(errors.UserError, match="all sources together: found 70"):
        _sampler(space, 71, "all")


def test_a_batch_may_take_a_whole_domain(space):
    drawer = _sampler(space, 10, seed=2)
    whole = [d for d in map(drawer.sample, range(30)) if d.domains[0] == 0]
    assert whole
    assert all(sorted(d.labels.tolist()) == list(range(10)) for d in whole)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_out_of_range(space, seed):
    expected = f"--seed={seed}: expected 0 to 2147483647."
    with pytest.raises(errors.UserError, match=expected):
        _sampler(space, seed=seed)


def test_quota_gives_every_domain_its_share(space):
    drawer = _sampler(space, 8, "quota")
    counts = np.array(
        [np.bincount(drawer.sample(t).domains, minlength=3) for t in range(600)]
    )
    # 8 over 3 domains: two each, and two left over that go to two of the three.
    assert np.all(np.sort(counts, axis=1) == [2, 3, 3])
    # Each is the one without about as often: 200 times, standard deviation 12.
    assert np.all(np.abs(np.sum(counts == 2, axis=0) - 200) < 60)
    drawer = _sampler(space, 9, "quota")
    assert all(
        np.bincount(drawer.sample(t).domains).tolist() == [3, 3, 3] for t in range(20)
    )


def test_quota_mixes_the_domains_over_the_rows(space):
    # Or replicas, which take a batch by rows, would see one domain each.
    drawer = _sampler(space, 9, "quota")
    drawn = [drawer.sample(step).domains for step in range(60)]
    assert {of_step[0] for of_step in drawn} == {0, 1, 2}
    # Three replicas see each domain once.
    for of_step in drawn:
        assert [set(share.tolist()) for share in np.split(of_step, 3)] == [
            {0, 1, 2}
        ] * 3


def test_each_batch_of_a_step_is_of_the_next_domain(space):
    drawer = _sampler(space, 8, batch_request.EACH, batches=4)
    for step in range(5):
        domains = drawer.sample(step).domains
        assert [set(batch.tolist()) for batch in domains] == [{0}, {1}, {2}, {0}]
    drawn = drawer.sample(0)
    assert len(set(drawn.labels[0].tolist()) | set(drawn.labels[3].tolist())) > 8


def test_quota_needs_an_identity_of_each_domain(space):
    with pytest.raises(errors.UserError) as caught:
        _sampler(space, 2, "quota")
    assert "--identities_per_batch=2: with --domain_sampling=quota" in str(caught.value)
    assert "expected at least 3" in str(caught.value)
    assert set(_sampler(space, 3, "quota").sample(0).domains) == {0, 1, 2}


def test_quota_needs_the_share_in_each_domain(space):
    # Source a has 10 identities: 30 is 10 each, 31 may be 11 of a.
    assert len(_sampler(space, 30, "quota").sample(0).labels) == 30
    with pytest.raises(errors.UserError) as caught:
        _sampler(space, 31, "quota")
    assert "a: found 10 identities, expected at least 11" in str(caught.value)
    assert "--identities_per_batch=31" in str(caught.value)


def test_several_batches_a_step_are_independent(space):
    drawer = _sampler(space, 8, "all", batches=3, images_per_identity=2, seed=4)
    drawn = drawer.sample(6)
    assert [array.shape for array in drawn] == [(3, 8), (3, 8), (3, 8, 2), (3, 8, 2)]
    assert all(len(set(labels.tolist())) == 8 for labels in drawn.labels)
    assert len({labels.tobytes() for labels in drawn.labels}) == 3
    # The first is what a step of one batch takes.
    assert _same(
        [array[0] for array in drawn], _sampler(space, 8, "all", seed=4).sample(6)
    )
    assert _same(drawn, drawer.sample(6))
    assert not _same(drawn, drawer.sample(7))
    # Seed and step reach each of them.
    other = _sampler(space, 8, "all", batches=3, seed=5).sample(6)
    for batch in range(3):
        assert not np.array_equal(drawn.labels[batch], other.labels[batch])
        assert not np.array_equal(drawn.labels[batch], drawer.sample(7).labels[batch])
    # Each has a domain of its own.
    drawer = _sampler(space, 8, "uniform", batches=3)
    assert any(len(set(drawer.sample(t).domains[:, 0])) > 1 for t in range(10))


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
    for domain_sampling in batch_request.DOMAIN_SAMPLING:
        drawer = _sampler(space, 32, domain_sampling)
        drawer.sample(0)
        tracemalloc.start()
        drawn = drawer.sample(1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # A permutation or a mask of all identities would take 1 to 8 MB.
        assert peak < 100_000
        for image in drawn.images.T:
            np.testing.assert_array_equal(image // 2, drawn.labels)


@pytest.mark.parametrize("domain_sampling", batch_request.DOMAIN_SAMPLING)
def test_groups_come_into_every_kind_of_batch(space, domain_sampling):
    request = batch_request.BatchRequest(8, domain_sampling=domain_sampling)
    groups = hard_groups.HardGroups(1.0, 2)
    drawer = sampler.IdentitySampler(space, request, 0, groups)
    plain = sampler.IdentitySampler(space, request, 0)
    # The partner of an identity: 0 and 1, 2 and 3, ...; domains start at even labels.
    for step in range(20):
        for one, other in zip(drawer.sample(step), plain.sample(step), strict=True):
            np.testing.assert_array_equal(one, other)  # Nothing is known yet.
    groups.nearest = (np.arange(70) ^ 1).astype(np.int32)[:, None]
    together = apart = 0
    for step in range(200):
        labels = drawer.sample(step).labels
        assert len(set(labels.tolist())) == 8
        domains = drawer.sample(step).domains
        expected = np.searchsorted(drawer.starts, labels, side="right") - 1
        np.testing.assert_array_equal(domains, expected)
        if domain_sampling == "quota":
            counts = np.bincount(domains, minlength=3)
            assert sorted(counts.tolist()) == [2, 3, 3]
        held = set(labels.tolist())
        together += sum(label ^ 1 in held for label in held)
        held = set(plain.sample(step).labels.tolist())
        apart += sum(label ^ 1 in held for label in held)
    # Shares of 2 or 3 identities have a group of two or two, 8 have four.
    least = 6 if domain_sampling == "quota" else 8
    assert together >= least * 200 > 1.5 * apart


@pytest.mark.parametrize(
    "sampling, size, told",
    [
        ("uniform", 32, "--hard_share=0.5 of 8 identities (--identities_per_batch)"),
        ("quota", 4, "--hard_share=0.5 of 2 identities (a source's share of --ide"),
    ],
)
def test_groups_that_no_draw_would_have_are_refused(space, sampling, size, told):
    request = batch_request.BatchRequest(8, domain_sampling=sampling)
    with pytest.raises(errors.UserError) as caught:
        sampler.IdentitySampler(space, request, 0, hard_groups.HardGroups(0.5, size))
    assert told in str(caught.value)
    sampler.IdentitySampler(space, request, 0, hard_groups.HardGroups(1.0, 2))
