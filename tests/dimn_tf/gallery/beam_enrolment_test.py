"""The pipeline beside plain enrolment, with bundles that fail and are repeated."""

import dataclasses
import json
import os
import pathlib

import numpy as np
import pytest

from data_builders import dummy_images
from dimn_tf import errors
from dimn_tf.export import served_model
from dimn_tf.gallery import (
    Entry,
    Gallery,
    MilvusGallery,
    beam_enrolment,
    beam_steps,
    enrolment,
    image_sources,
    meanwhile,
    shards,
)

COUNT = 13
REPEATING = "--runner=apache_beam.runners.direct.direct_runner.BundleBasedDirectRunner"


@pytest.fixture
def model(small_export):
    return small_export.model


@pytest.fixture
def crops(tmp_path):
    """Crops of two people by two cameras, and what cannot be read."""
    names = [f"crops/{'ab'[i % 2]}/{i % 3}_{i}.png" for i in range(COUNT)]
    dummy_images.write(tmp_path, names, height=40, width=20)
    (tmp_path / "crops/a/0_cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path / "crops"


def _sources(crops):
    return list(image_sources.expand([str(crops)], True, r"^(\d)_"))


def _beam(model, crops, output, gallery=None, options=("--runner=DirectRunner",), **of):
    return beam_enrolment.enrol(
        model, _sources(crops), output, gallery, options, batch_size=4, **of
    )


def _imported(gallery, output):
    told = shards.read_report(output)
    return shards.import_into(gallery, output, told, show_progress=False)


def _held(gallery):
    """Everything of a gallery but when it was enrolled."""
    names = sorted(gallery.persons())
    known = gallery.known(names)
    rows = []
    for name in names:
        metadata = dict(known[name].metadata)
        assert metadata.pop(enrolment.ENROLLED)
        rows.append((name, known[name].person_id, metadata))
    return rows, gallery.vectors(names)


def _assert_alike(gallery, other):
    (rows, vectors), (others, other_vectors) = _held(gallery), _held(other)
    assert rows == others and len(rows) == COUNT
    np.testing.assert_allclose(vectors, other_vectors, rtol=0, atol=1e-5)


def _failing_once(monkeypatch, kind, name, before=False):
    """Has a step fail at its second call, once it has done its work or before."""
    calls = []
    plain = getattr(kind, name)

    def once(self, *given):
        calls.append(1)
        found = None if before else plain(self, *given)
        if len(calls) == 2:
            raise RuntimeError("a machine went away")
        return plain(self, *given) if before else found

    monkeypatch.setattr(kind, name, once)
    return calls


@pytest.fixture
def plain(model, crops, tmp_path):
    """What enrolment without a pipeline makes of the crops."""
    with Gallery.create(tmp_path / "plain", model.sha256, model.dimension) as made:
        report = enrolment.enrol(model, made, _sources(crops), progress=False)
        assert report.added == COUNT
        yield made, report


@pytest.mark.parametrize("fails", [False, True])
def test_shards_that_are_imported_are_the_plain_gallery(
    model, crops, plain, tmp_path, fails, monkeypatch
):
    options = ["--runner=DirectRunner"]
    if fails:
        options = [REPEATING]
        kind = beam_steps.Handler
        calls = _failing_once(monkeypatch, kind, "run_inference")
    output = tmp_path / "shards"
    report = _beam(model, crops, output, options=options)
    if fails:
        assert len(calls) > 4  # Of four batches, some were done again.
    assert report == plain[1]
    told = json.loads((output / shards.REPORT_FILE).read_text())
    assert sum(told["shards"].values()) == COUNT and told["added"] == COUNT
    assert {p.name for p in output.iterdir()} == {shards.REPORT_FILE, *told["shards"]}
    with Gallery.create(tmp_path / "made", model.sha256, model.dimension) as made:
        assert _imported(made, output).added == COUNT
        _assert_alike(made, plain[0])


def test_milvus_takes_each_image_once_and_again_what_changed(
    model, crops, plain, tmp_path, monkeypatch
):
    monkeypatch.setattr(beam_enrolment, "_ADDED_AT_A_TIME", 5)
    calls = _failing_once(monkeypatch, beam_steps.Add, "process")
    uri = str(tmp_path / "m.db")
    place = f"milvus:{uri}#people"
    MilvusGallery.create(uri, "people", model.sha256, model.dimension).close()
    report = _beam(model, crops, tmp_path / "1", place, [REPEATING])
    assert len(calls) > 3  # Of three batches, some were added again.
    assert report == plain[1]
    with MilvusGallery(uri, "people", model.sha256) as gallery:
        _assert_alike(gallery, plain[0])

    report = _beam(model, crops, tmp_path / "2", place)
    cut = f"{crops}/a/0_cut.png"
    assert (report.added, report.there, report.changed) == (0, COUNT, [])
    assert [name for name, _ in report.skipped] == [cut]

    pixels = dummy_images.encoded("other.png", height=40, width=20)
    (crops / "a/0_0.png").write_bytes(pixels)
    report = _beam(model, crops, tmp_path / "3", place)
    assert report.changed == [(f"{crops}/a/0_0.png", "another picture")]
    report = _beam(model, crops, tmp_path / "4", place, replace=True)
    assert (report.added, report.replaced, report.there) == (0, 1, COUNT - 1)
    feature = model.probe_features([pixels]).vectors
    with MilvusGallery(uri, "people", model.sha256) as gallery:
        assert gallery.search(feature, 1)[0][0].entry_id == f"{crops}/a/0_0.png"
        assert len(gallery) == COUNT


@pytest.mark.parametrize("there", [False, True])
def test_shards_are_their_owners_alone_whatever_the_umask(
    model, crops, tmp_path, monkeypatch, caplog, there
):
    """They hold vectors and names, as galleries do."""
    output = tmp_path / "shards"
    if there:
        output.mkdir(mode=0o755)
    seen = []
    plain = beam_enrolment._run

    def run(*given):
        sources = output / "sources.jsonl"
        seen.append([path.stat().st_mode & 0o777 for path in (output, sources)])
        plain(*given)

    monkeypatch.setattr(beam_enrolment, "_run", run)
    before = os.umask(0o022)
    try:
        _beam(model, crops, output)
    finally:
        os.umask(before)
    assert seen == [[0o755 if there else 0o700, 0o600]]
    modes = {path.name: path.stat().st_mode & 0o777 for path in output.iterdir()}
    assert len(modes) > 1 and set(modes.values()) == {0o600}, modes
    assert output.stat().st_mode & 0o777 == (0o755 if there else 0o700)
    assert ("others on this machine can look into it" in caplog.text) is there


def test_what_fails_leaves_nothing_and_says_why(model, crops, tmp_path, monkeypatch):
    output = tmp_path / "output"
    place = f"milvus:{tmp_path / 'm.db'}#people"
    with pytest.raises(errors.UserError, match="m.db#people: there is no gallery"):
        _beam(model, crops, output, place)
    assert not output.exists()
    output.mkdir()

    def broken(self, *given):
        raise KeyError("a defect of ours")

    with monkeypatch.context() as patched:
        patched.setattr(beam_steps.Handler, "run_inference", broken)
        with pytest.raises(Exception, match="a defect of ours") as caught:
            _beam(model, crops, output)
    assert not isinstance(caught.value, errors.UserError)
    assert list(output.iterdir()) == []  # It was the user's, and stays.
    (output / "mine").write_text("kept")
    with pytest.raises(errors.UserError, match="there is something already"):
        _beam(model, crops, output)
    assert (output / "mine").read_text() == "kept"
    with pytest.raises(errors.UserError, match="Beam refuses --runner=Nothing"):
        _beam(model, crops, tmp_path / "new", options=["--runner=Nothing"])
    with pytest.raises(errors.UserError, match="takes a path with any of"):
        _beam(model, crops, tmp_path / "new[1]")
    assert not list(tmp_path.glob("new*"))


def test_a_machine_with_another_export_is_told(model, crops, tmp_path, monkeypatch):
    class Another(served_model.ServedModel):
        sha256 = "cd" * 32

    monkeypatch.setattr(beam_steps.served_model, "ServedModel", Another)
    with pytest.raises(errors.UserError, match="it holds the model cdcdcdcdcdcd"):
        _beam(model, crops, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_two_processes_share_the_work(model, crops, plain, tmp_path):
    options = [
        "--runner=FnApiRunner",
        "--direct_running_mode=multi_processing",
        "--direct_num_workers=2",
    ]
    output = pathlib.Path(tmp_path / "shards")
    assert _beam(model, crops, output, options=options) == plain[1]
    with Gallery.create(tmp_path / "made", model.sha256, model.dimension) as made:
        _imported(made, output)
        _assert_alike(made, plain[0])


@pytest.mark.parametrize("options", [("--runner=DirectRunner",), [REPEATING]])
def test_what_is_answered_while_a_pipeline_runs_is_not_undone(
    model, crops, tmp_path, monkeypatch, options
):
    uri = str(tmp_path / "m.db")
    place, old = f"milvus:{uri}#people", np.ones(model.dimension)
    names = [f"{crops}/{'ab'[i % 2]}/{i % 3}_{i}.png" for i in range(4)]
    with MilvusGallery.create(uri, "people", model.sha256, model.dimension) as made:
        made.add([Entry(name, old, "anna", {"key": 1}) for name in names[:3]])
    calls, encode = [], beam_steps.Handler.run_inference

    def answered(self, batch, *given):
        if not calls:
            with MilvusGallery(uri, "people") as service:
                service.remove([names[0]])
                service.add([Entry(names[1], old, "bo", {"key": 2})], replace=True)
                service.add([Entry(names[3], old, "dan")])
        calls.append(len(batch))
        return encode(self, batch, *given)

    monkeypatch.setattr(beam_steps.Handler, "run_inference", answered)
    if options == [REPEATING]:
        _failing_once(monkeypatch, beam_steps.Add, "process")
    sources = [dataclasses.replace(s, person_id=None) for s in _sources(crops)]
    sources = [s for s in sources if "0_cut" not in s.entry_id]
    report = beam_enrolment.enrol(
        model, sources, tmp_path / "output", place, options, replace=True, batch_size=4
    )
    with MilvusGallery(uri, "people", model.sha256) as gallery:
        persons = gallery.persons()
        assert names[0] not in persons and len(persons) == COUNT - 1
        assert [persons[name] for name in names[1:]] == ["bo", "anna", "dan"]
        assert gallery.known([names[1]])[names[1]].metadata["key"] == 2
    assert report.skipped == [(names[0], meanwhile.GONE)]
    assert report.changed == [(names[3], "camera unknown, now 0")]
    assert (report.added, report.replaced, report.gone) == (COUNT - 4, 2, 1)
    told = json.loads((tmp_path / "output" / shards.REPORT_FILE).read_text())
    assert told["gone"] == 1
