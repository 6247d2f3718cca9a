"""Every operation over HTTP, against the export's own arithmetic."""

import io
import json
import tempfile
import time

import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest

from data_builders import dummy_images
from dimn_tf import errors, images
from dimn_tf.evaluation import measures
from dimn_tf.gallery import Entry, Gallery
from dimn_tf.service import (
    access,
    core,
    problems,
    pseudonyms,
    state,
    sweeper,
    thumbnails,
)
from tests.dimn_tf.service import thumbnails_test
from tests.dimn_tf.service.running import running

ROWS = [{"one_in": 100, "score": -1e9}, {"one_in": 1000, "score": 0.0}]


def _image(seed, height=60, width=30):
    return images.encode_png(dummy_images.pixels(seed, height, width))


def _file(content, name="image"):
    return {name: ("x.png", content)}


def _enrol(client, content, **fields):
    return client.post("/v1/entries", files=_file(content), data=fields)


def _contents(folder):
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def _search(client, content, **fields):
    return client.post("/v1/search", files=_file(content), data=fields)


def _vectors(model, contents):
    return (
        model.probe_features(contents).vectors.astype(np.float64),
        model.gallery_classifiers(contents).vectors.astype(np.float64),
    )


@pytest.fixture(scope="module")
def model(halves_export):
    """A method whose two representations differ, and whose score has a scale of 3."""
    return halves_export.model


@pytest.fixture
def client(model, tmp_path):
    """Of an empty gallery."""
    with running(model, tmp_path) as made:
        yield made


def _problem(response, status, kind):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == problems.MEDIA_TYPE
    told = response.json()
    assert told["status"] == status and told["type"] == f"urn:dimn_tf:problem:{kind}"
    assert set(told) >= {"type", "title", "status", "detail"}
    return told


def test_what_is_enrolled_is_found_by_the_models_score(client, model):
    contents = [_image(i) for i in range(8)]
    for i, content in enumerate(contents):
        answer = _enrol(client, content, person_id=f"p{i // 2}", camera_id=str(i % 2))
        assert answer.status_code == 201 and answer.json()["outcome"] == "created"
    probe = _image(99)
    found = _search(client, probe, k=20, one_per_person=False).json()
    (features,), _ = _vectors(model, [probe])
    _, classifiers = _vectors(model, contents)
    scores = 3 * classifiers @ features
    order = np.argsort(-scores)
    hits = found["probes"][0]["hits"]
    assert [hit["rank"] for hit in hits] == list(range(1, 9))
    assert [hit["person_id"] for hit in hits] == [f"p{i // 2}" for i in order]
    assert [hit["camera_id"] for hit in hits] == [str(i % 2) for i in order]
    np.testing.assert_allclose([h["score"] for h in hits], scores[order], rtol=1e-4)
    np.testing.assert_allclose(
        [h["likeness"] for h in hits],
        scores[order] / (3 * np.linalg.norm(features)),
        rtol=1e-4,
    )
    assert all(hit["passes"] is None for hit in hits) and found["threshold"] is None
    best = [
        hit["person_id"] for hit in _search(client, probe).json()["probes"][0]["hits"]
    ]
    assert best == list(dict.fromkeys(f"p{i // 2}" for i in order))
    top = _search(client, probe, k=3).json()["probes"][0]["hits"]
    assert [hit["person_id"] for hit in top] == best[:3]
    picture = client.get(hits[0]["picture"])
    assert picture.content == thumbnails.made(contents[order[0]])
    assert picture.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize("value", [3, [1], {"a": "b"}])
def test_labels_that_are_no_text_are_passed_over(client, model, tmp_path, value):
    """Metadata from Python are whatever JSON can hold."""
    content = _image(1)
    metadata = dict.fromkeys(("camera_id", "seen_at", "enrolled_at", "path"), value)
    with Gallery(tmp_path / "people") as gallery:
        (vector,) = _vectors(model, [content])[1]
        gallery.add([Entry("e1", vector, "anna", metadata)])
    (hit,) = _search(client, content).json()["probes"][0]["hits"]
    assert (hit["id"], hit["camera_id"], hit["seen_at"]) == ("e1", None, None)
    (entry,) = client.get("/v1/entries").json()["entries"]
    assert [entry[key] for key in ("camera_id", "seen_at", "enrolled_at")] == 3 * [None]
    assert _search(client, content, camera_id="3").json()["probes"][0]["hits"] == []
    assert client.get("/page/people").status_code == 200
    answer = client.post("/page/search", files=_file(content))
    assert answer.status_code == 200 and "anna" in answer.text
    _problem(client.get("/v1/pictures/e1"), 404, "no_picture")
    answer = client.patch("/v1/entries/e1", data={"camera_id": "door"})
    assert answer.status_code == 200 and answer.json()["camera_id"] == "door"


def test_filters_by_camera_and_time(client):
    for i in range(6):
        _enrol(
            client, _image(i), person_id=f"p{i}", camera_id="ab"[i % 2],
            seen_at=f"2026-11-0{i + 1}T10:00:00+02:00",
        )  # fmt: skip

    def found(**fields):
        hits = _search(client, _image(9), k=9, **fields).json()["probes"][0]["hits"]
        return {hit["person_id"] for hit in hits}

    assert found() == {f"p{i}" for i in range(6)}
    assert found(camera_id="a") == {"p0", "p2", "p4"}
    assert found(camera_id=["a", "b"]) == found() and found(camera_id="c") == set()
    # As enrolment takes them: without the white space around.
    assert (
        found(camera_id=" a") == found(camera_id=["a\t", " "]) == found(camera_id="a")
    )
    assert found(camera_id="  ") == found()
    assert found(since="2026-11-03T08:00:00Z") == {"p2", "p3", "p4", "p5"}
    assert found(since="2026-11-03T08:00:01") == {"p3", "p4", "p5"}
    assert found(until="2026-11-03T08:00:00Z", camera_id="b") == {"p1"}
    listed = client.get("/v1/entries").json()["entries"]
    assert listed[0]["seen_at"] == "2026-11-01T08:00:00+00:00"


def test_an_entry_is_found_by_its_own_time(client):
    """Times of two frames of a second are two."""
    half, later = "2026-11-29T12:00:00.500000+00:00", "2026-11-29T12:00:00.500001Z"
    entry = _enrol(client, _image(0), person_id="anna", seen_at=half).json()["id"]
    (listed,) = client.get("/v1/entries").json()["entries"]
    assert listed["seen_at"] == half

    def found(**fields):
        return _search(client, _image(9), **fields).json()["probes"][0]["hits"]

    assert found(since=half, until=later) and found(since=half)[0]["seen_at"] == half
    assert not found(until=half) and not found(since=later)
    for fields, status in (
        ({"seen_at": "2026-11-29T13:00:00.5+01:00"}, 200),
        ({"seen_at": later}, 409),
        ({"seen_at": "2026-11-29T12:00:00Z"}, 409),
        ({"seen_at": later, "replace": "true"}, 200),
    ):
        answer = client.post("/v1/entries", files=_file(_image(0)), data=fields)
        assert answer.status_code == status, answer.text
    assert found(since=later)[0]["id"] == entry


def test_each_box_of_a_frame_is_searched_for(client, model):
    frame = dummy_images.pixels(5, 100, 120)
    parts = {"0,0,40,80": frame[:80, :40], "50,10,30,60": frame[10:70, 50:80]}
    for i, part in enumerate(parts.values()):
        _enrol(client, images.encode_png(np.ascontiguousarray(part)), person_id=f"p{i}")
    found = _search(client, images.encode_png(frame), box=list(parts)).json()
    probes, classifiers = _vectors(
        model, [images.encode_png(np.ascontiguousarray(p)) for p in parts.values()]
    )
    for i, row in enumerate(found["probes"]):
        assert row["box"] == list(parts)[i] and row["fault"] is None
        scores = {hit["person_id"]: hit["score"] for hit in row["hits"]}
        expected = 3 * classifiers @ probes[i]
        np.testing.assert_allclose([scores["p0"], scores["p1"]], expected, rtol=1e-4)
    one = _enrol(client, images.encode_png(frame), box="0,0,40,80", person_id="p0")
    assert one.status_code == 201  # Another content than the part by itself.
    assert _enrol(client, images.encode_png(frame), box="0,0,40,80").status_code == 200


def test_enrolled_again_it_stays_one_entry(client):
    content = _image(1)
    first = _enrol(client, content, person_id="anna")
    again = _enrol(client, content, person_id="anna")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {"outcome": "there", "id": first.json()["id"]}
    told = _problem(_enrol(client, content, person_id="bo"), 409, "differs")
    assert "another person_id" in told["detail"] and told["id"] == first.json()["id"]
    changed = _enrol(client, content, person_id="bo", replace=True)
    assert changed.status_code == 200 and changed.json()["outcome"] == "replaced"
    (entry,) = client.get("/v1/entries").json()["entries"]
    assert entry["person_id"] == "bo" and entry["id"] == first.json()["id"]
    assert client.get("/readyz").json()["entries"] == 1


def test_pages_and_persons(client):
    for i in range(7):
        _enrol(client, _image(i), person_id=f"p{i % 2}")
    seen, after = [], ""
    while after is not None:
        page = client.get("/v1/entries", params={"limit": 3, "after": after}).json()
        seen += [entry["id"] for entry in page["entries"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == 7
    of_person = client.get("/v1/entries", params={"person_id": "p1"}).json()
    assert {entry["person_id"] for entry in of_person["entries"]} == {"p1"}
    assert len(of_person["entries"]) == 3 and of_person["next"] is None
    part = client.get("/v1/entries", params={"person_id": "p1", "limit": 2}).json()
    assert part["entries"] == of_person["entries"][:2]
    query = {"person_id": "p1", "after": part["next"]}
    rest = client.get("/v1/entries", params=query).json()
    assert rest == {"entries": of_person["entries"][2:], "next": None}
    _problem(client.get("/v1/entries", params={"after": "x"}), 422, "after")


def test_a_gallery_that_fails_is_no_fault_of_the_page(client, monkeypatch):
    def damaged(*given):
        raise errors.UserError("/srv/people/gallery.sqlite: it is damaged")

    monkeypatch.setattr(Gallery, "page", damaged)
    found = client.get("/v1/entries", params={"after": "1"})
    _problem(found, 500, "server")
    assert "damaged" not in found.text


def test_removed_is_gone(client):
    names = [
        _enrol(client, _image(i), person_id="ann/a").json()["id"] for i in range(3)
    ]
    other = _enrol(client, _image(9), person_id="bo").json()["id"]
    assert client.delete(f"/v1/entries/{names[0]}").json() == {"removed": names[:1]}
    _problem(client.delete(f"/v1/entries/{names[0]}"), 404, "no_entry")
    _problem(client.get(f"/v1/pictures/{names[0]}"), 404, "no_picture")
    removed = client.delete("/v1/persons/ann%2Fa").json()["removed"]
    assert sorted(removed) == sorted(names[1:])
    _problem(client.delete("/v1/persons/ann%2Fa"), 404, "no_person")
    (left,) = client.get("/v1/entries").json()["entries"]
    assert left["id"] == other


def test_comparison_and_thresholds_are_the_models(client, model, monkeypatch):
    probe, enrolled = _image(1), _image(2)

    def compare(**fields):
        files = {"probe": ("p", probe), "enrolled": ("e", enrolled)}
        return client.post("/v1/compare", files=files, data=fields)

    (p, _), (_, g) = _vectors(model, [probe, enrolled])
    score = 3 * float(p @ g)
    found = compare().json()
    np.testing.assert_allclose(found["score"], score, rtol=1e-4)
    likeness = score / (3 * np.linalg.norm(p))
    np.testing.assert_allclose(found["likeness"], likeness, rtol=1e-4)
    assert found["threshold"] is found["passes"] is found["false_accepts"] is None
    _problem(compare(false_accepts=100), 422, "threshold")
    thresholds = {"measure": measures.LIKENESS, "thresholds": ROWS}
    monkeypatch.setitem(model.metadata, "thresholds", thresholds)
    found = compare().json()
    assert (found["threshold"], found["false_accepts"]) == (0.0, 1000)
    assert found["passes"] is bool(likeness >= 0)
    assert compare(false_accepts=100).json()["passes"] is True
    assert client.get("/readyz").json()["thresholds"] == [100, 1000]
    _enrol(client, enrolled)
    hit = _search(client, probe, false_accepts=100).json()["probes"][0]["hits"][0]
    assert hit["passes"] is True
    np.testing.assert_allclose(hit["likeness"], likeness, rtol=1e-4)


def test_a_match_is_explained_against_the_others(dimn_export, tmp_path):
    model = dimn_export.model
    contents = [_image(i) for i in range(6)]
    with running(model, tmp_path) as client:
        names = [_enrol(client, content).json()["id"] for content in contents]

        def explain(entry, **fields):
            fields = {"entry_id": entry, **fields}
            return client.post("/v1/explain", files=_file(_image(9)), data=fields)

        (probe,), _ = _vectors(model, [_image(9)])
        _, classifiers = _vectors(model, contents)
        scores = model.inner_product_scale * classifiers @ probe
        best = np.argsort(-scores)
        for place, (against, count) in ((0, (100, 6)), (5, (3, 4)), (1, (3, 3))):
            entry = best[place]
            told = explain(names[entry], against=against).json()
            others = {*best[:against].tolist(), int(entry)}
            assert told["against"] == len(others) == count
            margin = scores[entry] - scores[list(others)].mean()
            limit = 1e-4 * np.abs(scores).max()
            np.testing.assert_allclose(told["score"], scores[entry], atol=limit)
            for found in (
                told["margin"], np.sum(told["probe_map"]), np.sum(told["match_map"])
            ):  # fmt: skip
                np.testing.assert_allclose(found, margin, atol=limit)
        plain = explain(names[2], against=0).json()
        assert (plain["against"], plain["margin"]) == (0, None)
        for found in (
            plain["score"], np.sum(plain["probe_map"]), np.sum(plain["match_map"])
        ):  # fmt: skip
            np.testing.assert_allclose(found, scores[2], atol=limit)
        _problem(explain("none"), 404, "no_entry")
        _problem(explain("none", against=0), 404, "no_entry")
        _problem(explain(names[0], against=5_000), 422, "against")
        _problem(explain(names[0], against=-1), 422, "parameters")
    with running(model, tmp_path, keep_pictures=False) as client:
        other = _enrol(client, _image(50)).json()["id"]
        _problem(explain(other), 404, "no_picture")


def test_a_match_is_explained_among_those_that_it_was_found_with(dimn_export, tmp_path):
    """One entry a person, and the cameras and times that the search was asked for."""
    model, contents = dimn_export.model, [_image(i) for i in range(8)]
    (probe,), _ = _vectors(model, [_image(9)])
    _, classifiers = _vectors(model, contents)
    scores = model.inner_product_scale * classifiers @ probe
    with running(model, tmp_path) as client:
        for i, content in enumerate(contents):
            _enrol(
                client, content, person_id=f"p{i // 3}", camera_id="ab"[i % 2],
                seen_at=f"2026-11-0{i + 1}T10:00:00Z",
            )  # fmt: skip
        for fields in (
            {}, {"one_per_person": False}, {"camera_id": "b"}, {"camera_id": " "},
            {"since": "2026-11-03T00:00:00", "until": "2026-11-07T12:00:00+02:00"},
            {"camera_id": ["a", "x"], "one_per_person": False},
        ):  # fmt: skip
            hits = _search(client, _image(9), **fields).json()["probes"][0]["hits"]
            mean = np.mean([hit["score"] for hit in hits])
            for hit in hits:
                asked = {"entry_id": hit["id"], **fields}
                told = client.post("/v1/explain", files=_file(_image(9)), data=asked)
                assert told.json()["against"] == len(hits), fields
                limit = 1e-4 * np.abs(scores).max()
                margin = hit["score"] - mean
                np.testing.assert_allclose(told.json()["margin"], margin, atol=limit)
        # One that the list does not show stands for its person too.
        entries = client.get("/v1/entries").json()["entries"]
        best = _search(client, _image(9)).json()["probes"][0]["hits"]
        hidden = {e["id"] for e in entries} - {hit["id"] for hit in best}
        told = client.post(
            "/v1/explain", files=_file(_image(9)), data={"entry_id": hidden.pop()}
        )
        assert told.json()["against"] == len(best) == 3


def test_a_model_that_cannot_explain_says_so(client):
    entry = _enrol(client, _image(1)).json()["id"]
    told = client.post("/v1/explain", files=_file(_image(2)), data={"entry_id": entry})
    assert "cannot explain" in _problem(told, 422, "explain")["detail"]


def test_where_a_photo_was_taken_is_not_kept(model, tmp_path):
    """Neither of a whole photo, nor of a box, nor of one that has to be turned."""
    photos = [thumbnails_test.photo(900, 1200, turn) for turn in (1, 6)]
    with running(model, tmp_path) as client:
        for i, photo in enumerate(photos):
            assert _enrol(client, photo, person_id=f"p{i}").status_code == 201
            boxed = _enrol(client, photo, box="9,9,600,700", person_id=f"p{i}")
            assert boxed.status_code == 201
        entries = client.get("/v1/entries").json()["entries"]
        shown = [client.get(entry["picture"]).content for entry in entries]
        kept = _contents(tmp_path)
    kept += _contents(tmp_path)  # And when it has ended.
    for small in shown:
        picture = PIL.Image.open(io.BytesIO(small))
        assert picture.height <= thumbnails.HEIGHT and not picture.getexif()
        assert any(small[-64:] in content for content in kept)
    sizes = sorted(PIL.Image.open(io.BytesIO(small)).size for small in shown)
    assert sizes == [(192, 256), (219, 256), (219, 256), (341, 256)]
    for content in (*shown, *kept):
        for word in (b"Exif\0", thumbnails_test.MAKER, b"by anna"):
            assert word not in content


def test_whole_pictures_of_older_services_are_shown_and_explained(
    dimn_export, tmp_path
):
    model, photo = dimn_export.model, thumbnails_test.photo(90, 300)
    with running(model, tmp_path) as client:
        entry = _enrol(client, photo).json()["id"]
    older = state.State(tmp_path / "service")
    older.put_picture(entry, photo)
    older.close()
    with running(model, tmp_path) as client:
        shown = client.get(f"/v1/pictures/{entry}")
        assert shown.content == thumbnails.made(photo)
        told = client.post(
            "/v1/explain", files=_file(_image(9)), data={"entry_id": entry}
        )
        assert told.status_code == 200


def test_an_entry_gets_a_name(client, model):
    entry = _enrol(client, _image(1), camera_id="door").json()["id"]
    before = _search(client, _image(1)).json()["probes"][0]["hits"]
    named = client.patch(f"/v1/entries/{entry}", data={"person_id": "anna"}).json()
    assert (named["person_id"], named["camera_id"]) == ("anna", "door")
    moved = client.patch(f"/v1/entries/{entry}", data={"camera_id": "gate"}).json()
    assert (moved["person_id"], moved["camera_id"]) == ("anna", "gate")
    assert client.get("/v1/entries").json()["entries"] == [moved]
    after = _search(client, _image(1)).json()["probes"][0]["hits"]
    assert after[0]["score"] == before[0]["score"]
    assert client.get(moved["picture"]).content == thumbnails.made(_image(1))
    _problem(client.patch("/v1/entries/none", data={"person_id": "x"}), 404, "no_entry")


def test_entries_of_the_command_are_served_and_no_path_is_told(model, tmp_path):
    dummy_images.write(tmp_path, ["secret/anna/1.png"], height=60, width=30)
    path = tmp_path / "secret/anna/1.png"
    vector = model.gallery_classifiers([path.read_bytes()]).vectors[0]
    with Gallery.create(tmp_path / "people", model.sha256, 5) as gallery:
        gallery.add([Entry(str(path), vector, "anna", {"path": str(path)})])
    with running(model, tmp_path) as client:
        found = _search(client, path.read_bytes())
        listed = client.get("/v1/entries")
        for answer in (found, listed):
            assert "secret" not in answer.text and str(tmp_path) not in answer.text
        (hit,) = found.json()["probes"][0]["hits"]
        assert hit["id"] == listed.json()["entries"][0]["id"]
        shown = client.get(hit["picture"]).content
        assert shown == thumbnails.made(path.read_bytes())
        assert client.delete(f"/v1/entries/{hit['id']}").status_code == 200
        assert client.get("/v1/entries").json()["entries"] == []


def test_a_file_of_the_command_is_shown_upright_and_looked_at(dimn_export, tmp_path):
    """Its bytes come as they are: nobody has looked whether they are whole."""
    model, path = dimn_export.model, tmp_path / "photo.png"
    photo = PIL.Image.fromarray(dummy_images.pixels(1, 60, 30))
    exif = photo.getexif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    photo.save(path, exif=exif)
    upright = images.read_file(path)
    vector = model.gallery_classifiers([upright]).vectors[0]
    with Gallery.create(tmp_path / "people", model.sha256, model.dimension) as gallery:
        gallery.add([Entry("e", vector, "anna", {"path": str(path)})])

    def explain():
        fields = {"entry_id": "e", "against": 0}
        return client.post("/v1/explain", files=_file(_image(2)), data=fields)

    with running(model, tmp_path) as client:
        assert client.get("/v1/pictures/e").content == thumbnails.made(upright)
        told = explain().json()
        np.testing.assert_allclose(np.sum(told["match_map"]), told["score"], rtol=1e-3)
        path.write_bytes(path.read_bytes()[:-20])
        _problem(client.get("/v1/pictures/e"), 404, "no_picture")
        _problem(explain(), 404, "no_picture")


def test_who_searched_for_whom_is_on_record(model, tmp_path):
    allowed = access.Access({"guard": "t" * 20})
    token = {"Authorization": "Bearer " + "t" * 20}
    with running(model, tmp_path, allowed, headers=token) as client:
        entry = _enrol(client, _image(1), person_id="anna").json()["id"]
        _search(client, _image(2))
        client.get(f"/v1/pictures/{entry}")
        client.delete(f"/v1/entries/{entry}")
    path = tmp_path / "service" / core.Place("", tmp_path).audit_log.name
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["act"] for line in lines] == ["enrol", "search", "picture", "remove"]
    assert {line["caller"] for line in lines} == {"token:guard"}
    names = pseudonyms.Pseudonyms(path.parent)
    assert lines[1]["found"][0]["person_id"] == names.of("anna")
    assert all(lines[i]["id"] == names.of(entry) for i in (0, 2, 3))
    for told in ("anna", entry, entry.removeprefix("sha256-")):
        assert told not in path.read_text()
    assert all(line["time"].endswith("+00:00") for line in lines)
    assert path.stat().st_mode & 0o077 == 0
    with running(model, tmp_path, audit_log=False) as client:
        _search(client, _image(2))
    assert len(path.read_text().splitlines()) == 4


def test_without_the_token_there_is_nothing_but_a_sign_of_life(model, tmp_path):
    with running(model, tmp_path, access.Access({"guard": "t" * 20})) as client:
        for path in ("/v1/entries", "/metrics", "/v1/pictures/x"):
            told = _problem(client.get(path), 401, "token")
            assert "Bearer" in told["detail"]
        _problem(_search(client, _image(1)), 401, "token")
        _problem(client.delete("/v1/persons/x"), 401, "token")
        assert client.get("/healthz").json() == {"status": "alive"}
        assert client.get("/openapi.json").status_code == 200
        right = {"Authorization": "Bearer " + "t" * 20}
        details = client.get("/readyz", headers=right).json()
        assert details["model"] == model.sha256 and details["entries"] == 0
        assert client.get("/readyz").json() == {"status": "ready"}


def test_a_token_that_is_named_like_an_address_opens_nothing_to_it(model, tmp_path):
    allowed = access.Access({"127.0.0.1": "t" * 20})
    with running(model, tmp_path, allowed) as client:
        assert 'name="token"' in client.get("/").text
        right = {"Authorization": "Bearer " + "t" * 20}
        assert 'name="token"' not in client.get("/", headers=right).text


def test_what_is_counted_is_what_was_done(client):
    for i in range(3):
        _enrol(client, _image(i))
    _search(client, _image(5), box=["0,0,9,9", "9,9,9,9"])
    client.get("/nowhere/at/all")
    rows = dict(
        line.rsplit(" ", 1)
        for line in client.get("/metrics").text.splitlines()
        if not line.startswith("#")
    )
    made = 'dimn_tf_requests_total{method="POST",route="/v1/entries",status="201"}'
    assert float(rows[made]) == 3
    assert float(rows["dimn_tf_gallery_entries"]) == 3
    assert float(rows["dimn_tf_images_encoded_total"]) == 3 + 2
    assert not any("nowhere" in name for name in rows)


def test_its_description_has_every_operation_with_its_errors(client):
    told = client.get("/openapi.json").json()
    operations = {(method, path) for path, of in told["paths"].items() for method in of}
    assert operations >= {
        ("post", "/v1/search"), ("post", "/v1/entries"), ("get", "/v1/entries"),
        ("delete", "/v1/entries/{entry_id}"), ("delete", "/v1/persons/{person_id}"),
        ("post", "/v1/compare"), ("get", "/v1/pictures/{entry_id}"),
        ("get", "/healthz"), ("get", "/readyz"), ("get", "/metrics"),
    }  # fmt: skip
    for path, of in told["paths"].items():
        for method, operation in of.items():
            assert operation["summary"], (method, path)
            if path.startswith("/v1/"):
                assert set(operation["responses"]) >= {
                    "401",
                    "413",
                    "422",
                    "429",
                    "503",
                }


def test_old_entries_are_removed_while_it_runs(model, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeper, "_SECONDS", 0.05)
    said = []
    with running(model, tmp_path, log=said.append, keep_days=0.5 / 86_400) as client:
        assert _enrol(client, _image(1)).status_code == 201
        for _ in range(200):
            if client.get("/readyz").json()["entries"] == 0:
                break
            time.sleep(0.05)
        assert client.get("/v1/entries").json()["entries"] == []
    assert "1 entries were older than --keep_days: removed" in said


def test_it_goes_on_where_it_ended(model, tmp_path):
    with running(model, tmp_path) as client:
        name = _enrol(client, _image(1), person_id="anna").json()["id"]
    with running(model, tmp_path) as client:
        (entry,) = client.get("/v1/entries").json()["entries"]
        assert (entry["id"], entry["person_id"]) == (name, "anna")
        assert client.get(entry["picture"]).content == thumbnails.made(_image(1))


def test_a_large_upload_is_written_to_no_temporary_file(client, monkeypatch):
    def refused(*given, **named):
        raise AssertionError("a temporary file")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refused)
    content = _image(1, 1200, 1000)
    assert len(content) > 2 << 20
    assert _search(client, content).status_code == 200
