"""`experiments.serve --ray` for real: replicas and the keeper killed, then its end."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest

from data_builders import dummy_images
from dimn_tf import images
from tests.experiments.launcher import ROOT

pytest.importorskip("ray.serve", reason="the extra `ray` is not installed")
pytestmark = pytest.mark.slow

TOKEN = "a token of the tests"
PATIENCE = 240.0


def _png(seed):
    return images.encode_png(dummy_images.pixels(seed, 60, 30))


def _image(seed):
    return {"image": ("x", _png(seed))}


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def _process(*command, **variables):
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
        process.stdout.close()


@pytest.fixture
def milvus(tmp_path):
    """A Milvus Lite server, for several processes."""
    port = _free_port()
    command = "milvus_lite", "server", f"--data-dir={tmp_path / 'm'}", f"--port={port}"
    with _process(*command):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.2)
        yield f"milvus:http://127.0.0.1:{port}#people"


@contextlib.contextmanager
def _serving(model, gallery, state):
    command = (
        "experiments.serve", "--ray", "--replicas=2", "--port=0", f"--model={model}",
        f"--gallery={gallery}", f"--state={state}", "--requests_per_minute=0",
    )  # fmt: skip
    with _process(*command, DIMN_TF_TOKEN=TOKEN) as process:
        said = []
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://\S+:\d+\b(?= \()", line):
                break
        else:
            raise AssertionError("".join(said))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(
            base_url=found[0], timeout=PATIENCE, headers=headers
        ) as client:
            client.process = process
            yield client


def _pids(kind, under):
    """Processes of a kind that a process started, itself or by others."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().decode()
            if kind in command and _is_under(int(folder.name), under):
                found.append(int(folder.name))
    return found


def _is_under(pid, ancestor):
    while pid > 1:
        if pid == ancestor:
            return True
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        pid = int(re.search(r"PPid:\s+(\d+)", status)[1])
    return False


def _all_entries(client):
    after, found = "", {}
    while True:
        page = client.get("/v1/entries", params={"after": after}).json()
        found.update({entry["id"]: entry["person_id"] for entry in page["entries"]})
        if not page["next"]:
            return found
        after = page["next"]


def _until(check):
    """Waits until something that is started again answers rightly."""
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(httpx.TransportError):
            if check():
                return
        assert time.monotonic() < end
        time.sleep(0.5)


def _try_every_operation(client, found):
    """What replicas and keeper tell each other, of all kinds; twice, for both."""
    hits = found["probes"][0]["hits"]
    for turn in range(2):
        of_none = {"k": 6, "camera_id": "other"}
        answer = client.post("/v1/search", files=_image(7), data=of_none).json()
        assert answer["probes"][0]["hits"] == []
        name = hits[turn]["id"]
        labels = {"person_id": "new", "camera_id": f"d{turn}"}
        answer = client.patch(f"/v1/entries/{name}", data=labels)
        assert answer.status_code == 200, answer.text
        assert answer.json()["person_id"] == "new"
        answer = client.post(
            "/v1/explain", files=_image(7), data={"entry_id": name, "against": 3}
        )
        assert answer.status_code == 200, answer.text
        total = np.sum(answer.json()["probe_map"])
        np.testing.assert_allclose(total, answer.json()["margin"], atol=1e-4)
        assert client.get("/v1/entries", params={"after": "x"}).status_code == 422
        assert client.get("/").status_code == 200
    removed = client.delete("/v1/persons/new").json()["removed"]
    assert sorted(removed) == sorted(hit["id"] for hit in hits[:2])
    assert client.delete("/v1/persons/new").status_code == 404


def test_a_replica_that_is_killed_loses_nothing_that_was_answered(
    small_export, milvus, tmp_path
):
    model, state = small_export.model, tmp_path / "state"
    with _serving(small_export.folder, milvus, state) as client:
        with httpx.Client(base_url=client.base_url) as stranger:
            assert stranger.get("/v1/entries").status_code == 401
        assert client.get("/metrics").status_code == 404
        for i in range(6):
            data = {"person_id": f"p{i}", "camera_id": "c"}
            answer = client.post("/v1/entries", files=_image(i), data=data)
            assert answer.status_code == 201, answer.text
            again = client.post("/v1/entries", files=_image(i), data=data)
            assert again.status_code == 200 and again.json()["outcome"] == "there"
        features = model.probe_features([_png(7)]).vectors
        classifiers = model.gallery_classifiers([_png(i) for i in range(6)]).vectors
        scores = model.inner_product_scale * classifiers @ features[0]
        likeness = scores / (model.inner_product_scale * np.linalg.norm(features[0]))
        order = np.argsort(-likeness)
        for _ in range(4):  # Of both replicas.
            found = client.post("/v1/search", files=_image(7), data={"k": 6}).json()
            hits = found["probes"][0]["hits"]
            assert [hit["person_id"] for hit in hits] == [f"p{i}" for i in order]
            np.testing.assert_allclose(
                [hit["likeness"] for hit in hits], likeness[order], atol=1e-5
            )

        _try_every_operation(client, found)

        acknowledged, others = {}, []

        def enrol(start):
            with httpx.Client(
                base_url=client.base_url, headers=client.headers, timeout=PATIENCE
            ) as own:
                for i in range(start, start + 40):
                    data = {"person_id": f"n{i}"}
                    try:
                        answer = own.post("/v1/entries", files=_image(i), data=data)
                    except httpx.TransportError as error:
                        others.append(repr(error))
                        continue
                    if answer.status_code == 201:
                        acknowledged[answer.json()["id"]] = f"n{i}"
                    else:
                        others.append(answer.status_code)

        threads = [threading.Thread(target=enrol, args=(1000 * n,)) for n in (1, 2, 3)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 15:
            assert any(thread.is_alive() for thread in threads)
            time.sleep(0.01)
        replicas = _pids("ServeReplica", client.process.pid)
        assert len(replicas) == 2
        os.kill(replicas[0], signal.SIGKILL)
        for thread in threads:
            thread.join()
        assert len(acknowledged) > 60, others
        assert acknowledged.items() <= _all_entries(client).items()
        _until(lambda: len(_pids("ServeReplica", client.process.pid)) == 2)

        gone = next(iter(acknowledged))
        assert client.delete(f"/v1/entries/{gone}").status_code == 200
        assert gone not in _all_entries(client)
        client.process.send_signal(signal.SIGTERM)
        out, _ = client.process.communicate(timeout=PATIENCE)
        assert client.process.returncode == 143 and "Traceback" not in out, out
    callers = set()
    logs = list(state.glob("audit-*.jsonl"))
    assert len(logs) >= 2  # Of each replica, the one after the killed one too.
    for log in logs:
        callers |= {json.loads(line)["caller"] for line in log.open()}
    assert callers == {"token:token"}


def test_the_keeper_of_a_folder_is_started_again(small_export, tmp_path):
    gallery = tmp_path / "people"
    with _serving(small_export.folder, gallery, tmp_path / "state") as client:
        names = {
            client.post("/v1/entries", files=_image(i)).json()["id"] for i in range(4)
        }
        (keeper,) = _pids("ray::Actor", client.process.pid)
        os.kill(keeper, signal.SIGKILL)
        statuses = []

        def answers():
            statuses.append(client.get("/v1/entries").status_code)
            return statuses[-1] == 200

        _until(answers)
        assert set(statuses) <= {200, 503}
        assert set(_all_entries(client)) == names
        shown = client.get(f"/v1/pictures/{next(iter(names))}")
        assert shown.status_code == 200 and shown.content.startswith(b"\xff\xd8")
        found = client.post("/v1/search", files=_image(2), data={"k": 4}).json()
        assert {hit["id"] for hit in found["probes"][0]["hits"]} == names
