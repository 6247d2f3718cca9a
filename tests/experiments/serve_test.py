"""`experiments.serve` as a process: what it refuses, how it ends, what is left."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest

from data_builders import dummy_images
from dimn_tf import images
from dimn_tf.gallery import Gallery
from dimn_tf.service import options, thumbnails
from tests.experiments.launcher import ROOT, launch


def _image(seed):
    return {"image": ("x", images.encode_png(dummy_images.pixels(seed, 60, 30)))}


class _Process:
    """A service of its own, on any port."""

    def __init__(self, model, gallery, *arguments, **variables):
        command = [
            sys.executable, "-m", "experiments.serve", f"--model={model}",
            f"--gallery={gallery}", "--port=0", "--requests_per_minute=0", *arguments,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.line = self.process.stdout.readline()
        found = re.search(r"http://\S+:\d+", self.line)
        assert found, self.line + self.process.stderr.read()
        self.client = httpx.Client(base_url=found[0], timeout=60)

    def end(self, how=signal.SIGTERM):
        """Its exit status and its last words."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err


@pytest.fixture
def started(small_export, tmp_path):
    """Starts services of one gallery; none is left running."""
    made = []

    def start(*arguments, **variables):
        made.append(
            _Process(small_export.folder, tmp_path / "people", *arguments, **variables)
        )
        return made[-1]

    yield start
    for one in made:
        one.client.close()
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def test_it_says_where_it_is_and_ends_in_order(started, tmp_path):
    service = started()
    assert "people at http://127.0.0.1:" in service.line
    assert "vectors by TensorFlow" in service.line
    answers = [
        service.client.post("/v1/entries", files=_image(i), data={"person_id": "anna"})
        for i in range(3)
    ]
    names = {answer.json()["id"] for answer in answers}
    assert service.client.get("/readyz").json()["entries"] == 3
    assert "server" not in answers[0].headers
    status, said = service.end()
    assert status == 143 and "terminated" in said and "Traceback" not in said
    with Gallery(tmp_path / "people") as gallery:
        assert set(gallery.persons()) == names
    assert not list(tmp_path.rglob("*.partial*"))


def test_what_was_begun_is_answered_before_it_ends(started, tmp_path):
    service, answers = started(), []

    def enrol(start):
        with httpx.Client(base_url=service.client.base_url, timeout=60) as client:
            for i in range(start, start + 400):
                try:
                    answer = client.post("/v1/entries", files=_image(i))
                except httpx.TransportError:  # It ended between two requests.
                    return
                answers.append((answer.status_code, answer.json().get("id")))

    threads = [threading.Thread(target=enrol, args=(1_000 * n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    while len(answers) < 15:
        assert any(thread.is_alive() for thread in threads)
    service.end()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} <= {201, 503}
    acknowledged = {name for status, name in answers if status == 201}
    with Gallery(tmp_path / "people") as gallery:
        assert acknowledged <= set(gallery.persons())


def test_what_was_acknowledged_survives_a_kill_and_what_was_erased_stays_so(
    started, tmp_path
):
    there: dict[str, int] = {}
    for turn in range(3):
        service, lock = started(), threading.Lock()
        assert service.client.get("/readyz").json()["entries"] >= len(there)

        def work(start, client=service.client, lock=lock):
            for i in range(start, start + 200):
                try:
                    answer = client.post("/v1/entries", files=_image(i))
                    name = answer.json()["id"]
                    with lock:
                        there[name] = i
                    if i % 4 == 0:
                        with lock:  # From here on it may be there or not.
                            del there[name]
                        client.delete(f"/v1/entries/{name}")
                except httpx.TransportError:
                    return

        threads = [
            threading.Thread(target=work, args=(10_000 * turn + 1_000 * n,))
            for n in range(3)
        ]
        for thread in threads:
            thread.start()
        wanted = len(there) + 12
        while len(there) < wanted:
            assert any(thread.is_alive() for thread in threads)
        service.end(signal.SIGKILL)
        for thread in threads:
            thread.join()
        with Gallery(tmp_path / "people") as gallery:
            persons = gallery.persons()
            assert set(there) <= set(persons)
            assert len(persons) <= len(there) + 6 * (turn + 1)
    service = started()
    for name, i in list(there.items())[:5]:
        found = service.client.get(f"/v1/pictures/{name}")
        assert found.content == thumbnails.made(_image(i)["image"][1])
    lines = (tmp_path / "people/service/audit.jsonl").read_text().splitlines()
    acts = [json.loads(line)["act"] for line in lines]
    assert acts.count("enrol") >= len(there)


def test_callers_elsewhere_need_a_token(small_export, tmp_path, monkeypatch):
    monkeypatch.delenv("DIMN_TF_TOKEN", raising=False)
    model = f"--model={small_export.folder}"
    gallery = f"--gallery={tmp_path / 'people'}"
    error = launch("serve", model, gallery, "--host=0.0.0.0", "--port=0", code=1)
    assert "--host=0.0.0.0: others can reach it there" in error
    assert not (tmp_path / "people").exists()
    monkeypatch.setenv("DIMN_TF_TOKEN", "short")
    error = launch("serve", model, gallery, "--port=0", code=1)
    assert "the variable DIMN_TF_TOKEN: a token of 5 characters" in error
    monkeypatch.delenv("DIMN_TF_TOKEN")
    error = launch("serve", model, gallery, f"--token_file={tmp_path}/no", code=1)
    assert "--token_file=" in error and "cannot be read" in error


def test_a_token_has_one_holder(tmp_path, monkeypatch):
    model, gallery = f"--model={tmp_path / 'none'}", f"--gallery={tmp_path / 'people'}"
    path = tmp_path / "tokens"
    for line, told in (
        (f"token {'b' * 20}", "has a line token with another token"),
        (f"anna {'a' * 20}", "has a line anna with the same token"),
    ):
        path.write_text(line + "\n")
        path.chmod(0o600)
        monkeypatch.setenv("DIMN_TF_TOKEN", "a" * 20)
        error = launch("serve", model, gallery, f"--token_file={path}", code=1)
        assert "the variable DIMN_TF_TOKEN: " in error and told in error
        assert error.count("\n") == 1


def test_a_missing_package_is_named_with_its_extra(small_export, tmp_path, monkeypatch):
    arguments = f"--model={small_export.folder}", f"--gallery={tmp_path / 'people'}"
    packages = "fastapi", "jinja2", "prometheus_client", "python_multipart", "uvicorn"
    for package in packages:
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, package, None)
            error = launch("serve", *arguments, "--port=0", code=1)
        assert f"needs the package {package}" in error
        assert "pip install -e '.[service]'" in error
    assert not (tmp_path / "people").exists()


def test_with_a_token_it_listens_everywhere(started):
    service = started("--host=0.0.0.0", DIMN_TF_TOKEN="a" * 20)
    port = service.client.base_url.port
    address = f"http://127.0.0.1:{port}/v1/entries"
    assert httpx.get(address).status_code == 401
    token = {"Authorization": "Bearer " + "a" * 20}
    assert httpx.get(address, headers=token).json()["entries"] == []


def test_it_answers_at_the_address_that_it_says(started):
    service = started("--host=127.0.0.2")
    assert service.client.base_url.host == "127.0.0.2"
    assert service.client.get("/v1/entries").status_code == 200


def test_what_cannot_be_served_is_told_in_one_line(
    small_export, aggregation_export, tmp_path, monkeypatch
):
    monkeypatch.delenv("DIMN_TF_TOKEN", raising=False)
    model, gallery = f"--model={small_export.folder}", f"--gallery={tmp_path / 'g'}"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = f"--port={taken.getsockname()[1]}"
        error = launch("serve", model, gallery, port, code=1)
        assert "cannot listen there" in error and error.count("\n") == 1
    other = f"--model={aggregation_export.folder}"
    error = launch("serve", other, gallery, "--port=0", code=1)
    assert "is no inner product" in error and error.count("\n") == 1
    error = launch("serve", model, "--gallery=milvus:x.db#p", "--port=0", code=1)
    assert "--state: name a folder" in error
    error = launch("serve", model, gallery, "--port=0", "--keep_days=-1", code=1)
    assert "--keep_days=-1" in error and "at least 0" in error
    for wrong, told in (
        ("--keep_days=1e9", "at most 36500"),
        ("--images_per_request=300", "more than --waiting_images=256"),
        ("--trusted_proxy=127.0.0.1", "callers need a token"),
    ):
        error = launch("serve", model, gallery, "--port=0", wrong, code=1)
        assert wrong in error.replace("=1000000000.0", "=1e9") and told in error
        assert error.count("\n") == 1
    monkeypatch.setenv("DIMN_TF_TOKEN", "a" * 20)
    error = launch("serve", model, gallery, "--port=0", "--hosts=x,y", code=1)
    assert "--hosts=x,y: who has a token" in error and error.count("\n") == 1
    monkeypatch.delenv("DIMN_TF_TOKEN")
    for given in ("--replicas=3", "--ray_address=auto"):
        error = launch("serve", model, gallery, "--port=0", given, code=1)
        assert f"{given.partition('=')[0]}: only --ray heeds it" in error
    for limit in options.OF_CONNECTIONS:
        value = getattr(options.ServiceOptions(), limit)
        given = f"--{limit}={value}"  # Even the default: who gives it counts on it.
        error = launch("serve", model, gallery, "--port=0", "--ray", given, code=1)
        assert f"--{limit}: " in error and "Ray's own proxy" in error
        assert error.count("\n") == 1
    with Gallery.create(tmp_path / "g", "cd" * 32, 6):
        pass
    error = launch("serve", model, gallery, "--port=0", code=1)
    assert "come from the model cdcdcdcdcdcd" in error and "Traceback" not in error
