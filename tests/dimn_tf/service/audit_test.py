"""The audit log: what its lines tell of whom, how it grows, and what goes."""

import contextlib
import datetime
import errno
import io
import json
import os
import pathlib

import pytest

from dimn_tf import errors
from dimn_tf.service import audit, pseudonyms

DAY = datetime.timedelta(days=1)


def _lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def _now():
    return datetime.datetime.now(datetime.UTC)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "audit.jsonl"


def test_lines_name_nobody_and_one_person_is_always_the_same(path):
    log = audit.AuditLog(path)
    log.write("token:guard", "enrol", id="anna-1", person_id="anna", replace=False)
    hit = {"id": "anna-1", "person_id": "anna", "likeness": 0.5}
    log.write("token:guard", "search", probe="a-probe", found=[hit])
    log.write("token:guard", "compare", images=["a-probe", "another"], likeness=0.5)
    log.write("token:guard", "enrol", id="bo-1", person_id=None)
    log.close()
    text = path.read_text()
    assert not any(told in text for told in ("anna", "bo-1", "a-probe", "another"))
    enrolled, searched, compared, unknown = _lines(path)
    names = pseudonyms.Pseudonyms(path.parent)
    assert enrolled["person_id"] == names.of("anna") and enrolled["replace"] is False
    (found,) = searched["found"]
    assert found["person_id"] == enrolled["person_id"] and found["likeness"] == 0.5
    assert compared["images"] == [searched["probe"], names.of("another")]
    assert unknown["person_id"] is None and unknown["caller"] == "token:guard"


def test_a_person_in_two_spellings_is_one_and_two_ids_stay_two(path):
    spellings = "Jos\u00e9", "Jose\u0301"
    log = audit.AuditLog(path)
    for name in spellings:
        hit = {"id": name, "person_id": name}
        log.write("token:guard", "search", probe="a", found=[hit], person_id=name)
    log.close()
    lines = _lines(path)
    names = pseudonyms.Pseudonyms(path.parent)
    of_both = {names.of(name) for name in spellings}
    assert len(of_both) == 1
    assert {line["person_id"] for line in lines} == of_both
    found = [line["found"][0] for line in lines]
    assert {hit["person_id"] for hit in found} == of_both
    ids = [hit["id"] for hit in found]
    assert ids == names.of(list(spellings), is_person=False)
    assert len(set(ids)) == 2


def test_files_are_their_owners_alone(path):
    before = os.umask(0)
    try:
        audit.AuditLog(path).close()
    finally:
        os.umask(before)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    for made in path.parent.iterdir():
        assert made.stat().st_mode & 0o777 == 0o600


def test_a_large_file_is_ended_and_nothing_of_it_is_lost(path):
    log = audit.AuditLog(path, largest_bytes=1_000)
    for i in range(60):
        log.write("token:guard", "search", number=i)
    log.close()
    files = sorted(path.parent.glob("audit*.jsonl"))
    assert len(files) > 3 and path in files
    assert all(file.stat().st_size < 1_200 for file in files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    told = [line["number"] for file in files for line in _lines(file)]
    assert sorted(told) == list(range(60))
    log = audit.AuditLog(path, largest_bytes=1_000)  # It goes on with what is there.
    log.write("token:guard", "search", number=60)
    log.close()
    assert _lines(path)[-1]["number"] == 60 and len(_lines(path)) > 1


def test_what_is_too_old_goes_and_what_is_in_use_is_ended_after_a_day(path):
    log = audit.AuditLog(path)
    log.write("token:guard", "search", number=0)
    assert log.remove_older(_now() - 30 * DAY) == 0 and len(_lines(path)) == 1
    long_ago = (_now() - 2 * DAY).isoformat()
    path.write_text(json.dumps({"time": long_ago, "act": "search"}) + "\n")
    assert log.remove_older(_now() - 30 * DAY) == 0
    (ended,) = path.parent.glob("audit.*.jsonl")
    assert path.read_text() == ""
    log.write("token:guard", "search", number=1)
    then = (_now() - 31 * DAY).timestamp()
    orphan = path.with_name("audit-host-17.jsonl")  # Of a replica that was killed.
    other = path.with_name("other.jsonl")
    for file in (ended, orphan, other):
        file.touch()
        os.utime(file, (then, then))
    assert log.remove_older(_now() - 30 * DAY) == 2
    assert not ended.exists() and not orphan.exists() and other.exists()
    assert [line["number"] for line in _lines(path)] == [1]


def test_what_earlier_runs_wrote_goes_where_none_is_written_now(path):
    """`--noaudit_log` with `--keep_days`."""
    audit.AuditLog(path).close()
    ended = path.with_name("audit.20260101T000000.000000Z.jsonl")
    later = path.with_name("audit.20260201T000000.000000Z.jsonl")
    then = (_now() - 31 * DAY).timestamp()
    for file in (path, ended, later):
        file.touch()
        if file != later:
            os.utime(file, (then, then))
    log = audit.AuditLog(path, writes=False)
    log.write("token:guard", "search", number=0)
    assert log.remove_older(_now() - 30 * DAY) == 2
    log.close()
    assert list(path.parent.glob("*.jsonl")) == [later] and not later.read_text()
    nowhere = audit.AuditLog(path.parent / "none" / "audit.jsonl", writes=False)
    assert nowhere.remove_older(_now()) == 0 and not nowhere._path.parent.exists()


@pytest.mark.parametrize("step", ["stat", "unlink"])
def test_what_another_process_removes_meanwhile_ends_no_sweep(path, monkeypatch, step):
    log = audit.AuditLog(path)
    then = (_now() - 31 * DAY).timestamp()
    for name in ("audit-a-1.jsonl", "audit-b-1.jsonl", "audit-c-1.jsonl"):
        path.with_name(name).touch()
        os.utime(path.with_name(name), (then, then))
    real = getattr(pathlib.Path, step)

    def late(self, *given, **named):
        if self.name == "audit-b-1.jsonl":
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self)
        return real(self, *given, **named)

    monkeypatch.setattr(pathlib.Path, step, late)
    assert log.remove_older(_now() - 30 * DAY) == 2
    monkeypatch.undo()
    assert [file.name for file in path.parent.glob("*.jsonl")] == ["audit.jsonl"]


def test_a_half_line_does_not_stop_it(path):
    log = audit.AuditLog(path)
    path.write_text('{"time": "2026-')
    assert log.remove_older(_now() - DAY) == 0
    assert path.read_text() == "" and len(list(path.parent.glob("audit.*"))) == 3


def test_a_file_that_somebody_removed_is_made_again(path):
    log = audit.AuditLog(path)
    path.unlink()
    log.write("token:guard", "search", number=0)
    assert [line["number"] for line in _lines(path)] == [0]


def test_a_file_that_somebody_moved_is_left_to_them(path):
    """As logrotate does; the next one may be there already, or not."""
    log = audit.AuditLog(path, largest_bytes=200)
    log.write("token:guard", "search", number=0)
    path.rename(path.with_name("audit.1"))
    for number in (1, 2, 3):
        log.write("token:guard", "search", number=number)
    path.rename(path.with_name("audit.2"))
    path.touch()
    log.write("token:guard", "search", number=4)
    path.rename(path.with_name("audit.3"))
    assert log.remove_older(_now() - DAY) == 0
    log.write("token:guard", "search", number=5)
    log.close()
    assert [line["number"] for line in _lines(path.with_name("audit.1"))] == [0]
    assert [line["number"] for line in _lines(path.with_name("audit.3"))] == [4]
    assert [line["number"] for line in _lines(path)] == [5]
    files = set(path.parent.iterdir()) - {path.with_name(pseudonyms.KEY)}
    told = [line["number"] for file in files for line in _lines(file)]
    assert sorted(told) == list(range(6))


@pytest.mark.parametrize("again", ["write", "remove_older"])
def test_a_file_that_could_not_be_opened_once_is_opened_the_next_time(
    path, monkeypatch, again
):
    log = audit.AuditLog(path, largest_bytes=100)
    for number in (0, 1):
        log.write("token:guard", "search", number=number)

    def refused(*given, **named):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(audit, "open", refused, raising=False)
    for _ in range(2):
        with pytest.raises(OSError, match="Too many open files"):
            log.write("token:guard", "remove", id="refused")
    monkeypatch.undo()
    if again == "remove_older":
        assert log.remove_older(_now() - DAY) == 0
    for number in (2, 3):
        log.write("token:guard", "search", number=number)
    log.close()
    files = sorted(path.parent.glob("audit*.jsonl"))
    told = [line.get("number") for file in files for line in _lines(file)]
    assert sorted(told) == list(range(4))


def test_the_key_is_made_once_and_another_gives_other_names(tmp_path):
    with pytest.raises(errors.UserError, match="audit.key: there is no key"):
        pseudonyms.Pseudonyms(tmp_path)  # Its pseudonyms would be nobody's.
    assert list(tmp_path.iterdir()) == []
    name = pseudonyms.Pseudonyms(tmp_path, make=True).of("anna")
    assert pseudonyms.Pseudonyms(tmp_path).of("anna") == name and len(name) == 25
    assert [path.name for path in tmp_path.iterdir()] == [pseudonyms.KEY]
    other = tmp_path / "other"
    other.mkdir()
    assert pseudonyms.Pseudonyms(other, make=True).of("anna") != name
    (tmp_path / pseudonyms.KEY).write_text("no key")
    with pytest.raises(errors.UserError, match="audit.key: it holds no key of 32"):
        pseudonyms.Pseudonyms(tmp_path)


def test_a_place_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.UserError, match="the audit log cannot be written to"):
        audit.AuditLog(tmp_path / "file" / "audit.jsonl")


class _Full(io.FileIO):
    """A file on a disk that is full after some bytes, once."""

    left: int | None = None

    def write(self, data):
        if self.left is None:
            return super().write(data)
        if not self.left:
            type(self).left = None
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(bytes(data)[: self.left])
        type(self).left -= written
        return written


@pytest.mark.parametrize("room", [0, 20])
def test_what_was_refused_is_not_told_of_later(path, room, monkeypatch):
    """Whatever lies between the log and the disk."""

    def opened(name, mode="r", buffering=-1, encoding=None, opener=None):
        raw = _Full(name, "ab+" if "+" in mode else "ab", opener=opener)
        if buffering == 0:
            return raw
        return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding)

    monkeypatch.setattr(audit, "open", opened, raising=False)
    log = audit.AuditLog(path)
    log.write("token:guard", "search", number=0)
    monkeypatch.setattr(_Full, "left", room)
    with pytest.raises(OSError, match="No space"):
        log.write("token:guard", "remove", id="refused")
    log.write("token:guard", "search", number=1)
    log.close()
    assert [line.get("number") for line in _lines(path)] == [0, 1]


@pytest.mark.parametrize("killed", ["before it is opened", "while it is open"])
def test_a_line_that_a_kill_cut_off_is_a_line_of_its_own(path, killed):
    if killed == "before it is opened":
        path.parent.mkdir()
        path.write_text('{"time": "2026-')
    log = audit.AuditLog(path)
    if killed == "while it is open":
        path.write_text('{"time": "2026-')
    for number in range(2):
        log.write("token:guard", "search", number=number)
    log.close()
    half, *whole = path.read_text().splitlines()
    assert half == '{"time": "2026-'
    assert [json.loads(line)["number"] for line in whole] == [0, 1]
