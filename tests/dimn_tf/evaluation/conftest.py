"""Made-up records for the tests of evaluation."""

import dataclasses
import io

import numpy as np
import PIL.Image
import pytest


@dataclasses.dataclass
class FakeRecords:
    """A data set in memory: image i is one colour, (id, camera, position)."""

    reference: str
    person_ids: np.ndarray
    camera_ids: np.ndarray
    file_names: np.ndarray
    splits: np.ndarray
    reads: list = dataclasses.field(default_factory=list)
    training_splits: tuple = ()

    @classmethod
    def make(cls, reference, rows):
        """From rows of (split, file name, person, camera)."""
        splits, names, persons, cameras = zip(*rows, strict=True)
        return cls(
            reference,
            np.array(persons, np.int64),
            np.array(cameras, np.int64),
            np.array(names),
            np.array(splits),
        )

    def __len__(self):
        return len(self.person_ids)

    def encoded_images(self, indices):  # noqa: D102
        indices = np.asarray(indices).tolist()
        self.reads += indices
        return [
            png((self.person_ids[i] % 256, self.camera_ids[i] % 256, i % 256))
            for i in indices
        ]


def png(colour, height=16, width=8):
    """A one-colour PNG image's bytes."""
    buffer = io.BytesIO()
    image = PIL.Image.new("RGB", (width, height), tuple(int(c) for c in colour))
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def fake_records():
    """`FakeRecords.make`: a data set's reference and rows -> records."""
    return FakeRecords.make


@pytest.fixture
def viper_records():
    """632 persons, one image in each view; ids with gaps, extensions mixed."""

    def make(persons=632, extension="bmp"):
        rows = []
        for i in range(persons):
            person = i + i // 3
            rows += [
                ("cam_a", f"cam_a/{person:03d}_0.{extension}", person, 1),
                ("cam_b", f"cam_b/{person:03d}_90.{extension}", person, 2),
            ]
        return FakeRecords.make("viper", rows)

    return make


@pytest.fixture
def prid_records():
    """385 and 749 persons, 200 of them in both views; B alone has 1201 and up."""
    rows = [
        ("cam_a", f"single_shot/cam_a/person_{p:04d}.png", p, 1) for p in range(1, 386)
    ] + [
        ("cam_b", f"single_shot/cam_b/person_{p:04d}.png", p + 1000 * (p > 200), 2)
        for p in range(1, 750)
    ]
    return FakeRecords.make("prid", rows)


@pytest.fixture
def grid_records():
    """250 pairs and 775 distractors of id 0."""
    rows = [("probe", f"probe/{p:04d}_1_x.jpeg", p, 1) for p in range(1, 251)]
    rows += [("gallery", f"gallery/{p:04d}_2_x.jpeg", p, 2) for p in range(1, 251)]
    rows += [("gallery", f"gallery/0000_5_{i}.jpeg", 0, 5) for i in range(775)]
    return FakeRecords.make("grid", rows)


@pytest.fixture
def made_up_results():
    """Makes `TargetResult`s of random features that tell identities apart a bit."""
    from dimn_tf.evaluation import evaluator, targets
    from dimn_tf.evaluation.protocols import trial, trial_text
    from tests.dimn_tf.evaluation.protocols import asking

    class Plain:
        def probe_representation(self, features):
            return features

        gallery_representation = probe_representation

        def held_gallery(self, representations):
            return representations

        def score(self, probes, gallery):
            return probes @ gallery.T

    def make(names, persons=40, noise=1.0, trial_count=3, seed=0):
        rng, made = np.random.default_rng(seed), []
        for name in names:
            rows = [
                ("all", f"{view}/{person:03d}.png", person, view)
                for view in (0, 1)
                for person in range(persons)
            ]
            records = FakeRecords.make(name, rows)
            drawn = [
                trial.Trial.of_pairs(
                    f"trial{k + 1}",
                    tuple((f"0/{p:03d}", f"1/{p:03d}") for p in sorted(chosen)),
                )
                for k in range(trial_count)
                for chosen in [
                    np.random.default_rng(k).permutation(persons)[: persons // 2]
                ]
            ]
            target = targets.Target(
                name,
                records,
                tuple(asking.resolve(records, drawn)),
                trial_text.sha256(drawn),
                "made up",
            )
            centres = np.tile(rng.standard_normal((persons, 16)), (2, 1))
            values = centres + noise * rng.standard_normal(centres.shape)
            features = evaluator.Features(
                np.arange(2 * persons), values.astype(np.float32)
            )
            ways = evaluator.scorings(Plain(), features.values)
            rankings = {
                key: tuple(
                    evaluator.rank_trial(way, features, t) for t in target.trials
                )
                for key, way in ways.items()
            }
            way = ways[evaluator.METHOD]
            made.append(evaluator.TargetResult(target, rankings, features, way))
        return made

    return make
