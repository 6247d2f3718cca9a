"""The page and its pieces over HTTP; `page_browser_test` has it in a browser."""

import html
import re

import numpy as np
import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.evaluation import measures
from dimn_tf.gallery import Entry, Gallery
from dimn_tf.service import access, enrolling, page_people, pieces, problems
from tests.dimn_tf.service.running import running

TOKEN = "t" * 20


def _image(seed, height=60, width=30):
    return images.encode_png(dummy_images.pixels(seed, height, width))


def _file(seed):
    return {"image": ("x.png", _image(seed))}


@pytest.fixture
def client(dimn_export, tmp_path):
    """Of an empty gallery, by a method that can explain its scores."""
    with running(dimn_export.model, tmp_path, requests_per_minute=0) as made:
        yield made


def _ids(text):
    return re.findall(r'name="entry_id" value="([^"]+)"', text)


def test_the_page_needs_nothing_from_elsewhere(client):
    page = client.get("/")
    assert page.status_code == 200 and "0 pictures are enrolled" in page.text
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {"/static/page.css", "/static/page.js", "/static/requests.js"} <= set(linked)
    for address in linked:
        assert address.startswith("/static/") or address == "data:,"
        if address.startswith("/"):
            assert client.get(address).status_code == 200
    assert "<script>" not in page.text and " style=" not in page.text
    assert " on" + "click=" not in page.text


def test_names_in_two_spellings_are_one_to_choose(dimn_export, tmp_path):
    """Of a gallery that Python, or an older version, enrolled people in."""
    model, spellings = dimn_export.model, ("Jos\u00e9", "Jose\u0301")
    with Gallery.create(tmp_path / "people", model.sha256, model.dimension) as gallery:
        vector = np.ones(model.dimension)
        gallery.add([Entry("none", vector)])
        for name in spellings:
            gallery.add([Entry(name, vector, name, {"camera_id": name})])
    with running(model, tmp_path) as client:
        people = client.get("/page/people").text
    assert people.count('<li class="card"') == 3
    for names in ("persons", "cameras"):
        (found,) = re.findall(f'<datalist id="{names}">(.*?)</datalist>', people)
        assert re.findall('value="(.*?)"', found) == [spellings[0]]


def test_where_searches_may_ask_for_few_the_page_asks_for_no_more(
    dimn_export, tmp_path
):
    with running(dimn_export.model, tmp_path, largest_k=2) as client:
        for i in range(4):
            client.post("/page/enrol", files=_file(i), data={"person_id": f"p{i}"})
        assert (
            'name="k" type="number" min="1" max="2" value="2"' in client.get("/").text
        )
        found = client.post("/page/search", files=_file(1), data={"k": 2})
        fields = {"entry_id": _ids(found.text)[0]}
        why = client.post("/page/why", files=_file(1), data=fields)
        assert why.status_code == 200 and "the mean of the 2 best" in why.text
        told = client.post("/v1/explain", files=_file(1), data=fields)
        assert told.status_code == 200 and told.json()["against"] == 2
        told = client.post("/v1/explain", files=_file(1), data={**fields, "against": 3})
        assert told.status_code == 422 and "against=3: at most 2" in told.text


def test_enrolled_found_explained_named_removed(client):
    for i in range(3):
        told = client.post("/page/enrol", files=_file(i), data={"person_id": f"p{i}"})
        assert "Enrolled." in told.text and f"{i + 1} picture" in told.text
        assert told.headers["HX-Trigger-After-Settle"] == "gallery-changed"
    told = client.post("/page/enrol", files=_file(1), data={"person_id": "p1"})
    assert "enrolled already" in told.text
    told = client.post("/page/enrol", files=_file(1), data={"person_id": "x"})
    assert told.status_code == 409 and "another person_id" in told.text
    found = client.post("/page/search", files=_file(1))
    entries = _ids(found.text)
    assert len(entries) == 3 and found.text.count("<meter") == 3
    assert found.text.count("Working") == 3  # Shown while an explanation is made.
    fields = {"entry_id": entries[0]}
    why = client.post("/page/why", files=_file(1), data=fields).text
    assert why.count("data:image/png;base64,") == 2
    assert "above the mean of the 3 best" in why
    (likeness,) = re.findall(r"Likeness (-?\d+\.\d{3}),", why)
    assert f"likeness {likeness}" in found.text  # The same as the hit's.
    last = {"entry_id": entries[-1]}
    why = client.post("/page/why", files=_file(1), data=last).text
    assert "below the mean of the 3 best" in why
    told = client.post("/page/name", data={**fields, "person_id": "bo"})
    assert "Now bo." in told.text
    assert "Remove bo" in client.get("/page/people").text
    told = client.post("/page/remove", data=fields)
    assert "Removed for good." in told.text and "2 pictures are" in told.text
    told = client.post("/page/remove_person", data={"person_id": "p0"})
    assert "1 removed for good." in told.text and "1 picture is" in told.text
    assert len({*_ids(client.get("/page/people").text)}) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-01-31T23:30:59-01:00", "2026-02-01 00:30 UTC"),
        ("2026-07-01T01:30:00.123456+02:00", "2026-06-30 23:30 UTC"),
        ("2026-07-01T01:30:00Z", "2026-07-01 01:30 UTC"),
        ("2026-07-01", "2026-07-01 00:00 UTC"),
        ("0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00+02:00"),
        ("last summer", "last summer"),
    ],
)
def test_times_are_shown_in_the_zone_that_is_told(text, shown):
    """Programs enrol with offsets of their own."""
    hit = {"likeness": 0.5, "passes": None, "seen_at": text, "camera_id": "02"}
    found = {"probes": [{"hits": [hit]}], "asked": {}, "threshold": None}
    entry = {"enrolled_at": text, "camera_id": "02"}
    listed = {"entries": [entry], "person": "", "more": True}
    for name, given in (("found", found), ("people", listed)):
        template = pieces.TEMPLATES.get_template(f"{name}.html")
        text = template.render(given)
        assert f"{shown}</p>" in text and ">camera 02 &middot;" in text


def _form(text, entry):
    """The fields of a hit's "Why?"."""
    (form,) = [f for f in re.findall("(?s)<form.*?</form>", text) if entry in f]
    pairs = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in pairs}


def test_why_is_told_from_the_hits_that_are_shown(client):
    """Not from others: of the same person, of another camera, of another day."""
    for i in range(12):
        seen = f"2026-11-{i + 1:02}T10:00:00Z"
        labels = {
            "person_id": f"p{i // 4}",
            "camera_id": "a&b c"[i % 2 :],
            "seen_at": seen,
        }
        assert client.post("/v1/entries", files=_file(i), data=labels).is_success
    for fields, count in (
        ({}, 3),
        ({"camera_id": "a&b c"}, 3),
        ({"since": "2026-11-05T12:00+02:00"}, 2),
        ({"since": "2026-11-05T10:01Z", "until": "2026-11-08T12:00+02:00"}, 1),
        ({"since": "2026-11-05T10:01", "until": "2026-11-08T10:00:00.000Z"}, 1),
    ):
        found = client.post("/page/search", files=_file(20), data=fields).text
        entries = _ids(found)
        assert len(entries) == count, fields
        for entry in entries:
            form = _form(found, entry)
            why = client.post("/page/why", files=_file(20), data=form).text
            assert f"the mean of the {count} best" in why, (fields, form)


def test_more_of_a_person_is_that_persons_alone(client, monkeypatch):
    monkeypatch.setattr(page_people, "_SHOWN", 2)
    for i in range(6):
        person = {"person_id": "b & o" if i % 2 else "anna"}
        client.post("/page/enrol", files=_file(i), data=person)
    text = client.get("/page/people", params={"person_id": "b & o"}).text
    first = set(_ids(text))
    (more,) = re.findall('hx-get="([^"]+)"', text)
    text = client.get(html.unescape(more)).text
    rest = set(_ids(text))
    assert (len(first), len(rest), len(first | rest)) == (2, 1, 3)
    assert "anna" not in text and "hx-get=" not in text


def test_a_list_that_is_made_anew_is_no_shorter_than_before(client, monkeypatch):
    monkeypatch.setattr(page_people, "_SHOWN", 2)
    for i in range(5):
        client.post("/page/enrol", files=_file(i), data={"person_id": "anna"})
    for count, shown in ((0, 2), (1, 2), (4, 4), (9, 5)):
        text = client.get("/page/people", params={"count": count}).text
        assert len(set(_ids(text))) == shown
        assert ("hx-get=" in text) == (shown < 5)
    monkeypatch.setattr(page_people, "_NAMES", 3)
    assert len(set(_ids(client.get("/page/people", params={"count": 10**9}).text))) == 3


def test_when_to_try_again_is_told(client, monkeypatch):
    async def refused(*given):
        raise problems.Problem(503, "gallery", "Not now", {"Retry-After": "5"})

    monkeypatch.setattr(enrolling, "remove", refused)
    told = client.post("/page/remove", data={"entry_id": "x"})
    assert told.status_code == 503 and told.headers["retry-after"] == "5"
    assert "Not now. Try again in 5 s." in told.text


def test_what_is_wrong_is_told_in_its_place(client):
    for path, files, fields, said in (
        ("/page/search", {"image": ("", b"")}, {}, "Choose a photo first."),
        ("/page/search", {"image": ("x", b"text")}, {}, "no kind of image"),
        ("/page/search", _file(1), {"k": "0"}, "k: "),
        ("/page/search", _file(1), {"since": "noon"}, "is no time"),
        ("/page/search", _file(1), {"box": "0,0,99,99"}, "outside image"),
        ("/page/enrol", {"image": ("x", b"")}, {}, "empty"),
        ("/page/why", _file(1), {"entry_id": "none"}, "no such entry"),
    ):
        answer = client.post(path, files=files, data=fields)
        assert answer.status_code in (404, 422), (path, answer.text)
        assert 'role="alert"' in answer.text and said in html.unescape(answer.text)


def test_names_are_text_and_no_markup(client):
    evil = '<img src=x onerror="alert(1)">'
    client.post(
        "/page/enrol", files=_file(1), data={"person_id": evil, "camera_id": evil}
    )
    for text in (
        client.get("/page/people").text,
        client.post("/page/search", files=_file(1)).text,
        client.get("/page/people", params={"person_id": evil}).text,
    ):
        assert "<img src=x" not in text and html.escape(evil) in text.replace(
            "&#34;", "&quot;"
        )


def test_the_threshold_is_marked(dimn_export, tmp_path, monkeypatch):
    rows = [{"one_in": 100, "score": -9.0}, {"one_in": 1000, "score": 9.0}]
    thresholds = {"measure": measures.LIKENESS, "thresholds": rows}
    monkeypatch.setitem(dimn_export.model.metadata, "thresholds", thresholds)
    with running(dimn_export.model, tmp_path) as client:
        assert client.get("/").text.count("<option") == 2
        client.post("/page/enrol", files=_file(1))
        for one_in, words in ((100, "above the mark"), (1000, "below the mark")):
            data = {"false_accepts": one_in}
            found = client.post("/page/search", files=_file(2), data=data).text
            assert words in found and f"of {one_in:,} pairs" in found


def test_a_token_opens_the_page_and_stays_in_its_cookie(dimn_export, tmp_path):
    with running(dimn_export.model, tmp_path, access.Access({"anna": TOKEN})) as client:
        asked = client.get("/")
        assert "Token" in asked.text and "enrolled" not in asked.text
        assert client.get("/page/people").status_code == 401
        wrong = client.post("/login", data={"token": "no"})
        assert wrong.status_code == 401 and "not a token" in wrong.text
        right = client.post("/login", data={"token": TOKEN})
        assert right.status_code == 303 and right.headers["location"] == "/"
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
        page = client.get("/")
        assert "anna" in page.text and "0 pictures are enrolled" in page.text
        assert client.get("/page/people").status_code == 200
        evil = client.post("/page/remove", headers={"Origin": "http://evil.example"})
        assert evil.status_code == 403
        client.post("/logout")
        assert client.get("/page/people").status_code == 401
