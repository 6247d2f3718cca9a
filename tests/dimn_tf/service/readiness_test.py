"""When a service is ready: the model is warm, and the gallery's index is built."""

import shutil
import threading
import time

import numpy as np
import pytest

from data_builders import dummy_images
from dimn_tf import errors, images
from dimn_tf.gallery import Entry, Gallery
from dimn_tf.service import access, core, people, ranking, sweeper
from tests.dimn_tf.service.running import running


def _search(client):
    content = images.encode_png(dummy_images.pixels(1, 60, 30))
    return client.post("/v1/search", files={"image": ("x", content)})


@pytest.fixture
def filled(halves_export, tmp_path):
    """A folder whose gallery has 30 entries."""
    model = halves_export.model
    vectors = np.random.default_rng(0).normal(size=(30, model.dimension))
    with Gallery.create(tmp_path / "people", model.sha256, model.dimension) as made:
        made.add([Entry(f"e{i}", v, f"p{i // 3}") for i, v in enumerate(vectors)])
    return tmp_path


def test_until_its_index_is_built_a_service_lives_and_is_not_ready(
    halves_export, filled, monkeypatch
):
    go, prepare, said = threading.Event(), people.People.prepare, []

    def slow(self):
        time.sleep(0.01)
        return go.is_set() and prepare(self)

    monkeypatch.setattr(people.People, "prepare", slow)
    monkeypatch.setattr(core, "_START_SECONDS", 0.05)
    with running(halves_export.model, filled, log=said.append) as client:
        assert client.get("/healthz").status_code == 200
        for answer in (client.get("/readyz"), _search(client)):
            assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
            assert answer.json()["type"] == "urn:dimn_tf:problem:starting"
        assert client.delete("/v1/persons/p1").status_code == 503
        assert client.get("/metrics").status_code == 200
        go.set()
        end = time.monotonic() + 30
        while client.get("/readyz").status_code == 503:
            assert time.monotonic() < end
        assert client.get("/readyz").json()["entries"] == 30
        assert len(_search(client).json()["probes"][0]["hits"]) == 10
    assert not said


def test_strangers_hear_no_reason_and_cost_no_turn(
    halves_export, tmp_path, monkeypatch
):
    count, counted = people.People.__len__, []

    def noted(self):
        counted.append(self)
        return count(self)

    monkeypatch.setattr(people.People, "__len__", noted)
    monkeypatch.setattr(sweeper.Sweeper, "overdue", False)
    allowed = access.Access({"anna": "t" * 20})
    right = {"Authorization": "Bearer " + "t" * 20}
    with running(
        halves_export.model, tmp_path, allowed, requests_per_minute=0
    ) as client:
        counted.clear()
        for headers in ({}, {"Authorization": "Bearer no"}):
            for _ in range(20):
                answer = client.get("/readyz", headers=headers)
                assert answer.json() == {"status": "ready"}
        assert not counted
        begun = time.monotonic()
        for _ in range(20):
            assert client.get("/readyz", headers=right).json()["entries"] == 0
            assert client.get("/metrics", headers=right).status_code == 200
        assert len(counted) <= time.monotonic() - begun + 1
        monkeypatch.setattr(sweeper.Sweeper, "overdue", True)
        for headers, kind in (({}, "not_ready"), (right, "sweeper")):
            answer = client.get("/readyz", headers=headers)
            assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
            assert answer.json()["type"] == f"urn:dimn_tf:problem:{kind}"
            assert ("--keep_days" in answer.text) == (headers == right)


def test_a_service_that_ends_while_it_is_built_ends_at_once(
    halves_export, filled, monkeypatch
):
    kept = []
    monkeypatch.setattr(Gallery, "prepare", lambda self: time.sleep(0.01) or False)
    monkeypatch.setattr(Gallery, "keep_index", lambda self: kept.append(self))
    monkeypatch.setattr(core, "_START_SECONDS", 0.05)
    with running(halves_export.model, filled) as client:
        assert client.get("/readyz").status_code == 503
    assert not kept  # That would build it to its end.


def test_the_first_search_builds_nothing(halves_export, filled, monkeypatch):
    with running(halves_export.model, filled) as client:
        assert client.get("/readyz").status_code == 200
        with monkeypatch.context() as patched:
            patched.setattr("dimn_tf.gallery.indexes.Index.add", None)
            assert _search(client).status_code == 200


def test_a_gallery_that_cannot_be_prepared_is_told(halves_export, filled, monkeypatch):
    def damaged(self):
        time.sleep(0.2)
        raise errors.UserError("it is damaged")

    monkeypatch.setattr(people.People, "prepare", damaged)
    monkeypatch.setattr(core, "_START_SECONDS", 0.05)
    said = []
    with running(halves_export.model, filled, log=said.append) as client:
        end = time.monotonic() + 30
        while not said:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
    assert said == ["the gallery cannot be prepared for searches: it is damaged"]


def test_what_a_search_did_not_look_at_is_told(halves_export, filled, monkeypatch):
    ranked, content = ranking.ranked, images.encode_png(dummy_images.pixels(1, 60, 30))
    with running(halves_export.model, filled) as client:

        def page():
            return client.post("/page/search", files={"image": ("x", content)}).text

        (probe,) = _search(client).json()["probes"]
        assert len(probe["hits"]) == 10 and probe["limited"] is False
        assert "There may be more" not in page()
        monkeypatch.setattr(
            ranking,
            "ranked",
            lambda *given: [ranking.Ranked(one.hits, True) for one in ranked(*given)],
        )
        assert _search(client).json()["probes"][0]["limited"] is True
        assert "There may be more" in page()


def test_each_probe_of_a_filtered_search_is_a_turn_of_its_own(
    halves_export, tmp_path, monkeypatch
):
    turns, search = [], people.People.search

    def counted(self, features, *given):
        turns.append(len(features))
        return search(self, features, *given)

    monkeypatch.setattr(people.People, "search", counted)
    content = images.encode_png(dummy_images.pixels(1, 60, 30))
    with running(halves_export.model, tmp_path) as client:
        for fields in ({}, {"one_per_person": False}):
            client.post(
                "/v1/search",
                files={"image": ("x", content)},
                data={"box": ["0,0,9,9", "9,9,9,9"], **fields},
            )
    assert turns == [1, 1, 2]


@pytest.mark.parametrize("which", ["people", "service"])
def test_what_is_replaced_while_it_is_open_is_answered_for_no_more(
    halves_export, tmp_path, which
):
    """Else a 201 and a 200 of a removal would be of files that nobody finds."""
    contents = [images.encode_png(dummy_images.pixels(i, 60, 30)) for i in range(2)]
    said, allowed = [], access.Access({"anna": "t" * 20})
    right = {"Authorization": "Bearer " + "t" * 20}

    def enrolled(content):
        return client.post("/v1/entries", files={"image": ("x", content)})

    with running(halves_export.model, tmp_path, allowed, said.append, right) as client:
        name = enrolled(contents[0]).json()["id"]
        shutil.copytree(tmp_path / which, tmp_path / "backup")
        shutil.rmtree(tmp_path / which)
        (tmp_path / "backup").rename(tmp_path / which)
        answers = [enrolled(contents[1]), client.delete(f"/v1/entries/{name}")]
        answers.append(enrolled(contents[1]))
        if which == "people":
            answers += [_search(client), client.get("/v1/entries")]
        for answer in [*answers, client.get("/readyz")]:
            assert answer.status_code == 503, answer.text
            assert answer.json()["type"] == "urn:dimn_tf:problem:replaced"
            assert str(tmp_path) not in answer.text
        assert client.get("/readyz", headers={"Authorization": "x"}).status_code == 503
        assert client.get("/healthz").status_code == 200
    (line,) = [line for line in said if "was replaced" in line]
    assert f"{tmp_path / which}/" in line and "start it again" in line
    with running(halves_export.model, tmp_path, allowed, headers=right) as client:
        (entry,) = client.get("/v1/entries").json()["entries"]
        assert entry["id"] == name
        assert client.get(f"/v1/pictures/{name}").status_code == 200
        assert enrolled(contents[1]).status_code == 201
