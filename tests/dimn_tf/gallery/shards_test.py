"""Shards into a gallery: killed imports, other models, what is not whole."""

import dataclasses

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from dimn_tf import errors, standard_json
from dimn_tf.gallery import Entry, Gallery, content_hash, enrolment, shards

D, MODEL = 4, "ab" * 32


def _entries(count, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, D)).astype(np.float32)
    return [
        Entry(
            f"/crops/{i}.png",
            vector,
            "anna" if i % 2 else None,
            {content_hash.KEY: f"{seed}-{i}", enrolment.CAMERA: "é1"},
        )
        for i, vector in enumerate(vectors)
    ]


def _write(folder, *parts, model=MODEL, dimension=D):
    folder.mkdir()
    told = {}
    for i, part in enumerate(parts):
        name = f"entries-{i:05}-of-{len(parts):05}.parquet"
        table = pyarrow.Table.from_pylist(
            list(map(shards.row_of, part)), shards.schema(dimension)
        )
        pyarrow.parquet.write_table(table, folder / name)
        told[name] = len(part)
    report = {"model_sha256": model, "dimension": dimension, "shards": told}
    (folder / shards.REPORT_FILE).write_text(standard_json.text(report))
    return folder


@pytest.fixture
def gallery(tmp_path):
    with Gallery.create(tmp_path / "gallery", MODEL, D) as made:
        yield made


def _import(gallery, folder, **more):
    told = shards.read_report(folder)
    return shards.import_into(gallery, folder, told, show_progress=False, **more)


def test_what_goes_in_comes_out_and_twice_adds_nothing(gallery, tmp_path):
    entries = _entries(700)
    folder = _write(tmp_path / "s", entries[:300], entries[300:], [])
    assert _import(gallery, folder).added == 700
    names = [entry.entry_id for entry in entries]
    known = gallery.known(names)
    assert [known[n].person_id for n in names] == [e.person_id for e in entries]
    assert [known[n].metadata for n in names] == [e.metadata for e in entries]
    np.testing.assert_array_equal(
        gallery.vectors(names), np.stack([e.vector for e in entries])
    )
    again = _import(gallery, folder)
    assert (again.added, again.there, again.changed) == (0, 700, [])


def test_an_import_that_was_killed_goes_on(gallery, tmp_path, monkeypatch):
    entries = _entries(600)
    folder = _write(tmp_path / "s", entries)
    added, plain = [], Gallery.add

    def add(self, part, *given, **more):
        if len(added) == 2:
            raise KeyboardInterrupt
        added.append(len(part))
        plain(self, part, *given, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Gallery, "add", add)
        with pytest.raises(KeyboardInterrupt):
            _import(gallery, folder)
    assert len(gallery) == sum(added) == 512
    report = _import(gallery, folder)
    assert (report.added, report.there, len(gallery)) == (88, 512, 600)


def test_what_is_another_now_is_told_or_replaced(gallery, tmp_path):
    gallery.add(_entries(3))
    first, second, third = _entries(3, seed=1)
    now = [
        dataclasses.replace(second, person_id="bo"),
        dataclasses.replace(third, metadata={content_hash.KEY: "0-2"}),
        first,
    ]
    folder = _write(tmp_path / "s", now)
    report = _import(gallery, folder)
    assert report.changed == [
        ("/crops/1.png", "another picture, person anna, now bo"),
        ("/crops/0.png", "another picture"),
    ]
    assert (report.added, report.there) == (0, 1)
    untold = dataclasses.replace(second, metadata={content_hash.KEY: "new"})
    untold = dataclasses.replace(untold, person_id=None)
    report = _import(gallery, _write(tmp_path / "t", [untold]), replace=True)
    assert (report.added, report.replaced) == (0, 1)
    known = gallery.known(["/crops/1.png"])["/crops/1.png"]
    # Whom and where nothing tells now stay as they were told before.
    assert known.person_id == "anna" and known.metadata[enrolment.CAMERA] == "é1"
    assert known.metadata[content_hash.KEY] == "new"
    np.testing.assert_array_equal(gallery.vectors(["/crops/1.png"])[0], second.vector)


def test_what_is_replaced_keeps_what_is_not_told_now(gallery, tmp_path):
    (entry,) = _entries(1)
    more = {"seen_at": "2026-01-02T03:04:05+00:00", "shift": {"name": "night"}}
    told = {**entry.metadata, **more}
    gallery.add([dataclasses.replace(entry, metadata=told)])
    (now,) = _entries(1, seed=1)
    _import(gallery, _write(tmp_path / "s", [now]), replace=True)
    known = gallery.known([entry.entry_id])[entry.entry_id]
    assert known.metadata == {**now.metadata, **more}


def test_what_is_not_whole_or_of_another_model_is_refused_untouched(gallery, tmp_path):
    parts = _entries(10)[:5], _entries(10)[5:]

    def refused(folder, match):
        with pytest.raises(errors.UserError, match=match):
            _import(gallery, folder)
        assert len(gallery) == 0

    folder = _write(tmp_path / "model", *parts, model="cd" * 32)
    refused(folder, "this gallery's vectors come from the model abab")
    folder = _write(tmp_path / "gone", *parts)
    last = folder / "entries-00001-of-00002.parquet"
    last.rename(tmp_path / "kept")
    refused(folder, "entries-00001-of-00002.parquet: no entries, where .* tells of 5")
    last.write_bytes((tmp_path / "kept").read_bytes()[:-40])
    refused(folder, "entries-00001-of-00002.parquet: no whole Parquet file")
    last.write_bytes((folder / "entries-00000-of-00002.parquet").read_bytes())
    (folder / "entries-00002-of-00002.parquet").write_bytes(last.read_bytes())
    refused(folder, "entries-00002-of-00002.parquet: 5 entries, where .* of none")
    (folder / shards.REPORT_FILE).write_text('{"added": 3}')
    refused(folder, "report.json: it tells of no shards")
    (folder / shards.REPORT_FILE).unlink()
    refused(folder, "report.json is missing: .* did not end")
    folder = _write(tmp_path / "damaged", *parts)
    first = folder / "entries-00000-of-00002.parquet"
    content = first.read_bytes()
    first.write_bytes(content[:4] + bytes(80) + content[84:])
    refused(folder, "entries-00000-of-00002.parquet: no whole Parquet file")
    (row,) = _entries(1)
    row = dataclasses.replace(row, vector=np.ones(D + 1, np.float32))
    other = _write(tmp_path / "e", [row], dimension=D + 1)
    refused(other, "this gallery takes real numbers of shape")
