"""A disk that is full: what the audit log cannot tell of is not done, and told so."""

import errno
import os

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.service import audit, problems
from tests.dimn_tf.service.running import running


def _file(seed, name="image"):
    return {name: ("x.png", images.encode_png(dummy_images.pixels(seed, 60, 30)))}


def _requests(entry):
    """Every act of the audit log: its name, and how it is asked for."""
    two = {**_file(0, "probe"), **_file(1, "enrolled")}
    explained = {"entry_id": entry, "against": "0"}
    return [
        ("search", "POST", "/v1/search", {"files": _file(1)}),
        ("compare", "POST", "/v1/compare", {"files": two}),
        ("explain", "POST", "/v1/explain", {"files": _file(1), "data": explained}),
        ("enrol", "POST", "/v1/entries", {"files": _file(2)}),
        ("list", "GET", "/v1/entries", {}),
        ("picture", "GET", f"/v1/pictures/{entry}", {}),
        ("relabel", "PATCH", f"/v1/entries/{entry}", {"data": {"person_id": "bo"}}),
        ("remove", "DELETE", f"/v1/entries/{entry}", {}),
        ("remove_person", "DELETE", "/v1/persons/anna", {}),
        ("list", "GET", "/page/people", {}),
        ("search", "POST", "/page/search", {"files": _file(1)}),
    ]


def test_what_cannot_be_logged_is_not_done(dimn_export, tmp_path, monkeypatch):
    said = []
    with running(dimn_export.model, tmp_path, log=said.append) as client:
        labels = {"person_id": "anna"}
        enrolled = client.post("/v1/entries", files=_file(0), data=labels)
        entry = enrolled.json()["id"]
        before = client.get("/v1/entries").json()

        def full(*given):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(audit.AuditLog, "_append", full)
            for act, method, path, given in _requests(entry):
                answer = client.request(method, path, **given)
                assert answer.status_code == 503, (path, answer.text)
                assert answer.headers["Retry-After"] == "60"
                if not path.startswith("/page/"):
                    assert answer.headers["content-type"] == problems.MEDIA_TYPE
                    assert answer.json()["type"] == "urn:dimn_tf:problem:audit"
                (line,) = said
                assert line.startswith(f"{act}: not done") and "No space left" in line
                said.clear()
        assert client.get("/v1/entries").json() == before
        for _, method, path, given in _requests(entry)[:-4]:
            assert client.request(method, path, **given).is_success, path
    assert said == []
