"""Many callers at once: the gallery is what a literal model of it says."""

import concurrent.futures
import random
import threading
import time

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.service import room
from tests.dimn_tf.service.running import running

CALLERS, ACTS, PICTURES = 6, 40, 8


class _Literal:
    """What a caller's own entries should be: nobody else touches them."""

    def __init__(self, caller):
        self.caller, self.entries, self.draw = caller, {}, random.Random(caller)
        self.contents = [
            images.encode_png(dummy_images.pixels(100 * caller + i, 40, 20))
            for i in range(PICTURES)
        ]

    def act(self, client):
        """Does something and compares the answer."""
        kind = self.draw.choice(
            ["enrol", "enrol", "search", "remove", "person", "list"]
        )
        getattr(self, f"_{kind}")(client)

    def _enrol(self, client):
        i = self.draw.randrange(PICTURES)
        person = f"c{self.caller}-{self.draw.randrange(3)}"
        replace = self.draw.random() < 0.5
        answer = client.post(
            "/v1/entries",
            files={"image": ("x", self.contents[i])},
            data={"person_id": person, "replace": replace},
        )
        before = next((e for e, (k, _) in self.entries.items() if k == i), None)
        if before is None:
            expected = 201
        elif self.entries[before][1] == person or replace:
            expected = 200
        else:
            expected = 409
        assert answer.status_code == expected, answer.text
        if expected != 409:
            self.entries[answer.json()["id"]] = (i, person)

    def _search(self, client):
        i = self.draw.randrange(PICTURES)
        answer = client.post(
            "/v1/search",
            files={"image": ("x", self.contents[i])},
            data={"k": 1000, "one_per_person": False},
        )
        hits = answer.json()["probes"][0]["hits"]
        scores = [hit["score"] for hit in hits]
        assert scores == sorted(scores, reverse=True)
        mine = {
            hit["id"]: hit["person_id"]
            for hit in hits
            if (hit["person_id"] or "").startswith(f"c{self.caller}-")
        }
        assert mine == {e: person for e, (_, person) in self.entries.items()}

    def _remove(self, client):
        entry = self.draw.choice([*self.entries, "sha256-none"])
        answer = client.delete(f"/v1/entries/{entry}")
        assert answer.status_code == (200 if entry in self.entries else 404)
        self.entries.pop(entry, None)

    def _person(self, client):
        person = f"c{self.caller}-{self.draw.randrange(3)}"
        of_person = {e for e, (_, p) in self.entries.items() if p == person}
        answer = client.delete(f"/v1/persons/{person}")
        assert answer.status_code == (200 if of_person else 404)
        if of_person:
            assert set(answer.json()["removed"]) == of_person
        self.entries = {e: v for e, v in self.entries.items() if e not in of_person}

    def _list(self, client):
        person = f"c{self.caller}-{self.draw.randrange(3)}"
        answer = client.get("/v1/entries", params={"person_id": person})
        found = {entry["id"] for entry in answer.json()["entries"]}
        assert found == {e for e, (_, p) in self.entries.items() if p == person}


def test_each_caller_sees_what_was_answered(halves_export, tmp_path):
    callers = [_Literal(i) for i in range(CALLERS)]
    together = threading.Barrier(CALLERS)
    with running(halves_export.model, tmp_path, requests_per_minute=0) as client:

        def work(literal):
            together.wait()
            for _ in range(ACTS):
                literal.act(client)

        with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
            for done in [pool.submit(work, literal) for literal in callers]:
                done.result()
        seen, after = {}, ""
        while after is not None:
            page = client.get("/v1/entries", params={"limit": 5, "after": after}).json()
            seen.update((e["id"], e["person_id"]) for e in page["entries"])
            after = page["next"]
    expected = {e: p for c in callers for e, (_, p) in c.entries.items()}
    assert seen == expected


def test_callers_who_come_together_are_encoded_together(
    halves_export, tmp_path, monkeypatch
):
    call, sizes = halves_export.model.probe_features, []
    go, begun = threading.Event(), threading.Event()
    go.set()

    def slow(files):
        begun.set()
        assert go.wait(30)
        sizes.append(len(files))
        return call(files)

    monkeypatch.setattr(halves_export.model, "probe_features", slow)
    contents = [images.encode_png(dummy_images.pixels(i, 40, 20)) for i in range(9)]
    with running(halves_export.model, tmp_path, batch_size=4) as client:

        def search(content):
            return client.post("/v1/search", files={"image": ("x", content)})

        sizes.clear()
        go.clear()
        begun.clear()
        with concurrent.futures.ThreadPoolExecutor(9) as pool:
            first = pool.submit(search, contents[0])
            others = []
            try:
                assert begun.wait(30)  # Else it would be encoded with the others.
                others = [pool.submit(search, content) for content in contents[1:]]
                _waiting(client, 8)
            finally:
                go.set()
            for done in [first, *others]:
                assert done.result().status_code == 200
    assert sizes == [1, 4, 4]


def test_parts_of_frames_wait_in_so_many_bytes(halves_export, tmp_path, monkeypatch):
    """A frame's boxes have more bytes than the frame: four whole ones, four times."""
    call, go = halves_export.model.probe_features, threading.Event()
    go.set()

    def slow(files):
        assert go.wait(30)
        return call(files)

    monkeypatch.setattr(halves_export.model, "probe_features", slow)
    made, make = [], room.Room.__init__

    def kept(self, most):
        make(self, most)
        made.append(self)

    monkeypatch.setattr(room.Room, "__init__", kept)
    frame = images.encode_png(dummy_images.pixels(1, 300, 400))
    small = images.encode_png(dummy_images.pixels(2, 40, 20))
    size = 4 * 300 * 400 * 3
    limits = {"requests_per_minute": 0, "waiting_bytes": 3 * size + size // 2}
    with running(halves_export.model, tmp_path, **limits) as client:

        def search(content, boxes):
            return client.post(
                "/v1/search", files={"image": ("x", content)}, data={"box": boxes}
            )

        go.clear()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            try:
                asked = [
                    pool.submit(search, frame, ["0,0,400,300"] * 4) for _ in range(8)
                ]
                end = time.monotonic() + 30
                while sum(one.done() for one in asked) < 5:
                    assert time.monotonic() < end, "nobody is refused"
                    time.sleep(0.02)
                refused = [one.result() for one in asked if one.done()]
                for answer in refused:
                    assert answer.status_code == 503
                    assert answer.headers["Retry-After"] == "1"
                    assert answer.json()["type"] == "urn:dimn_tf:problem:busy"
            finally:
                go.set()
            statuses = [one.result().status_code for one in asked]
        assert sorted(statuses) == [200] * 3 + [503] * 5
        # All is given back, also of what was refused for another reason.
        for content, boxes, status in (
            (b"text", [], 422), (frame, ["1,1,400,300"], 422), (frame, [], 200),
            (frame, ["0,0,400,300"] * 4, 200), (small, ["0,0,9,9"] * 20, 200),
        ):  # fmt: skip
            assert search(content, boxes).status_code == status
        assert made[0].held == 0


def _waiting(client, count):
    """Waits until so many images wait behind one that is encoded."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        rows = client.get("/metrics").text.splitlines()
        value = next(r for r in rows if r.startswith("dimn_tf_waiting_images "))
        if float(value.split()[1]) == count:
            return
        time.sleep(0.02)
    raise AssertionError(f"there were never {count} images waiting")
