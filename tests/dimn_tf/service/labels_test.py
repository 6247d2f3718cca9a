"""Names of people and cameras: one rule, wherever a request has one."""

import json

import numpy as np
import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.gallery import Entry, Gallery
from dimn_tf.service import labels, pseudonyms
from tests.dimn_tf.service.running import running

ANNA = " \t anna\u00a0 "


@pytest.fixture
def client(halves_export, tmp_path):
    with running(halves_export.model, tmp_path) as made:
        yield made


def _file(seed=0):
    return {"image": ("x.png", images.encode_png(dummy_images.pixels(seed, 60, 30)))}


def _enrolled(client, **fields):
    answer = client.post("/v1/entries", files=_file(), data=fields)
    assert answer.status_code == 201
    return answer.json()["id"]


def _listed(client, person):
    answer = client.get("/v1/entries", params={"person_id": person})
    return [entry["id"] for entry in answer.json()["entries"]]


@pytest.mark.parametrize("path", ["/v1/entries", "/page/people"])
def test_the_audit_log_tells_who_listed_whose_entries(client, tmp_path, path):
    """A list tells every camera and time of a person."""
    _enrolled(client, person_id="anna", camera_id="door")
    for person in (ANNA, "", "nobody"):
        assert client.get(path, params={"person_id": person}).status_code == 200
    refused = client.get(path, params={"person_id": "anna", "after": "no page"})
    assert refused.status_code == 422
    folder = tmp_path / "service"
    written = (folder / "audit.jsonl").read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    told = [line for line in lines if line["act"] == "list"]
    names = pseudonyms.Pseudonyms(folder)
    expected = [names.of("anna"), None, names.of("nobody")]
    assert [line["person_id"] for line in told] == expected
    assert {line["caller"] for line in told} == {"address:127.0.0.1"}
    assert "anna" not in written


def test_white_space_around_a_name_does_not_count():
    assert labels.label(ANNA) == "anna" and labels.label("an na") == "an na"
    assert labels.label("") is labels.label(" \n") is None
    assert labels.alike([ANNA, "", "  ", "bo"]) == {ANNA, "anna", "bo"}


def test_a_name_in_two_spellings_is_one(client, tmp_path):
    """José, as keyboards write it and as macOS names folders."""
    first, second = "Jos\u00e9", "Jose\u0301"
    entry = _enrolled(client, person_id=second, camera_id=second)
    answer = client.post(
        "/v1/entries", files=_file(), data={"person_id": first, "camera_id": first}
    )
    assert answer.json()["outcome"] == "there"
    with Gallery(tmp_path / "people") as gallery:
        assert gallery.persons() == {entry: first}
        vectors = np.random.default_rng(0).normal(size=(2, 5))
        gallery.add([Entry("a", vectors[0], second), Entry("b", vectors[1], first)])
    for person in (first, second):
        assert set(_listed(client, person)) == {entry, "a", "b"}
    (probe,) = client.post("/v1/search", files=_file()).json()["probes"]
    assert len(probe["hits"]) == 1
    answer = client.delete(f"/v1/persons/{first}")
    assert set(answer.json()["removed"]) == {entry, "a", "b"}


def test_whom_one_names_exactly_is_meant():
    asked = []

    def held(name):
        asked.append(name)
        return name in (" bo", "  ")

    assert labels.meant(" bo", held) == " bo" and labels.meant("  ", held) == "  "
    assert labels.meant("bo ", held) == "bo" and labels.meant("   ", held) is None
    asked.clear()
    assert labels.meant("anna", held) == "anna" and labels.meant("", held) is None
    assert not asked  # A gallery may have to look through all its entries for it.


# Operation -> whether it finds or makes anna's entry at the door, called otherwise.
def _enrol(client):
    _enrolled(client, person_id=ANNA, camera_id=" door ")
    answer = client.post(
        "/v1/entries", files=_file(), data={"person_id": "anna ", "camera_id": " door"}
    )
    return answer.json()["outcome"] == "there"


def _name(client):
    entry = _enrolled(client, person_id="bo")
    data = {"person_id": ANNA, "camera_id": "door\n"}
    answer = client.patch(f"/v1/entries/{entry}", data=data).json()
    return (answer["person_id"], answer["camera_id"]) == ("anna", "door")


def _list(client):
    entry = _enrolled(client, person_id="anna")
    everybody = _listed(client, "") == _listed(client, "  ") == [entry]
    return everybody and _listed(client, ANNA) == [entry] and not _listed(client, "an")


def _search(client):
    _enrolled(client, camera_id="door")
    found = [
        client.post("/v1/search", files=_file(), data={"camera_id": name}).json()
        for name in ("door ", "  ", "doo")
    ]
    return [len(one["probes"][0]["hits"]) for one in found] == [1, 1, 0]


def _explain(client):
    entry = _enrolled(client, camera_id="door")
    other = client.post("/v1/entries", files=_file(1), data={"camera_id": "door"})
    assert other.status_code == 201
    counts = [
        client.post(
            "/v1/explain", files=_file(), data={"entry_id": entry, "camera_id": name}
        ).json()["against"]
        for name in ("door ", "  ", "doo")
    ]
    return counts == [2, 2, 1]  # The entry itself among them.


def _remove(client):
    entry = _enrolled(client, person_id="anna")
    answer = client.delete("/v1/persons/%20anna%C2%A0%09")
    return answer.json() == {"removed": [entry]}


OPERATIONS = {
    "POST /v1/entries": _enrol,
    "PATCH /v1/entries/{entry_id}": _name,
    "GET /v1/entries": _list,
    "POST /v1/search": _search,
    "POST /v1/explain": _explain,
    "DELETE /v1/persons/{person_id}": _remove,
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_takes_names_by_the_rule(dimn_export, tmp_path, operation):
    with running(dimn_export.model, tmp_path) as made:  # It can explain its scores.
        assert OPERATIONS[operation](made) is True


def test_no_operation_that_takes_a_name_is_missing_here(client):
    described = client.get("/openapi.json").json()

    def taken(operation):
        yield from (given["name"] for given in operation.get("parameters", []))
        for content in operation.get("requestBody", {}).get("content", {}).values():
            form = content["schema"]["$ref"].rpartition("/")[2]
            yield from described["components"]["schemas"][form]["properties"]

    assert set(OPERATIONS) == {
        f"{method.upper()} {path}"
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        if {"person_id", "camera_id"} & set(taken(operation))
    }


def test_the_pages_pieces_take_names_by_the_rule(client):
    data = {"person_id": ANNA, "camera_id": "door "}
    assert "Enrolled." in client.post("/page/enrol", files=_file(), data=data).text
    (entry,) = _listed(client, "anna")
    assert entry in client.get("/page/people", params={"person_id": ANNA}).text
    found = client.post("/page/search", files=_file(), data={"camera_id": " door"})
    assert entry in found.text
    for name, now in (("bo  ", "Now bo."), ("  ", "Now bo.")):
        fields = {"entry_id": entry, "person_id": name}
        assert now in client.post("/page/name", data=fields).text
    told = client.post("/page/remove_person", data={"person_id": " bo"})
    assert "1 removed for good." in told.text


def test_people_whom_commands_named_with_white_space_can_be_erased(
    halves_export, tmp_path
):
    model = halves_export.model
    with Gallery.create(tmp_path / "people", model.sha256, model.dimension) as gallery:
        vector = np.ones(model.dimension)
        for entry, person in (("a", " anna"), ("b", "anna"), ("c", "  ")):
            gallery.add([Entry(entry, vector, person)])
    with running(model, tmp_path) as client:
        assert _listed(client, " anna") == ["a"] and _listed(client, "anna ") == ["b"]
        for path, entry in (("%20anna", "a"), ("%20anna", "b"), ("%20%20", "c")):
            answer = client.delete(f"/v1/persons/{path}")
            assert answer.json() == {"removed": [entry]}
        assert client.delete("/v1/persons/%20").status_code == 404
    # The log tells whom, as they were enrolled.
    lines = (tmp_path / "service/audit.jsonl").read_text().splitlines()
    told = [json.loads(line)["person_id"] for line in lines]
    names = pseudonyms.Pseudonyms(tmp_path / "service")
    listed, removed = [" anna", "anna"], [" anna", "anna", "  ", None]
    assert told == names.of([*listed, *removed])
