"""The processes of the service's benchmark: the service, and its callers."""

import base64
import http.client
import pathlib
import signal
import threading
import time
import uuid

import numpy as np
import uvicorn

from dimn_tf.export import served_model
from dimn_tf.service import access, app, core, options, server


def serve(pipe, model: str, runtime: str, place: str) -> None:
    """Serves a gallery; tells its port once it has started."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    folder = pathlib.Path(place)
    shared = core.Core(
        served_model.ServedModel(model, runtime),
        core.Place(str(folder / "people"), folder / "service"),
        options.ServiceOptions(requests_per_minute=0),
    )
    listening = server.bound("127.0.0.1", 0)
    running = uvicorn.Server(
        server.settings(app.create(shared, access.Access()), shared.options)
    )
    started = running.startup

    async def startup(sockets=None):
        await started(sockets=sockets)
        pipe.send(listening.getsockname()[1])

    running.startup = startup
    running.run(sockets=[listening])


def ask(pipe, port: int, callers: int, files, seconds: float) -> None:
    """Searches, so many callers at once; tells their rate and times, or a fault."""
    times: list[list[float]] = [[] for _ in range(callers)]
    faults: list[str] = []
    together = threading.Barrier(callers + 1)

    def work(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        bodies = [body_of({"k": "10"}, file) for file in files]
        together.wait()
        turn, end = number, time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            status, text = send(connection, "/v1/search", *bodies[turn % len(bodies)])
            if status != 200:
                faults.append(f"the service answered {status}: {text[:200]!r}")
                return
            times[number].append(time.perf_counter() - start)
            turn += 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(callers)]
    for thread in threads:
        thread.start()
    together.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    every = [x for one in times for x in one]
    told = {"rate": len(every) / elapsed, "times": np.array(every)}
    pipe.send(faults[0] if faults else told)


def enrol(connection, file: bytes, person: int) -> tuple[int, bytes]:
    """Status and text of an enrolment."""
    body = body_of({"person_id": f"p{person}"}, file)
    return send(connection, "/v1/entries", *body)


def send(connection, path: str, body: bytes, kind: str) -> tuple[int, bytes]:
    """Status and text of a request."""
    connection.request("POST", path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    return answer.status, answer.read()


def body_of(fields: dict[str, str], file: bytes) -> tuple[bytes, str]:
    """A form with an image: its bytes and their media type."""
    mark = "x" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().strip("=")
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{mark}\r\nContent-Disposition: form-data; name="image"; '
        'filename="x.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    )
    body = "".join(parts).encode() + file + f"\r\n--{mark}--\r\n".encode()
    return body, f"multipart/form-data; boundary={mark}"
