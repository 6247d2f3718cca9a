"""The service's speed beside the bare model's, and what kills under load lose.

    python -m experiments.benchmarks.service --model=EXPORT
    python -m experiments.benchmarks.service --model=EXPORT --kills=1000 --callers=

Prints one JSON line. Images are made up: JPEG files of 256x128; each request searches
for one of them among --entries entries, which were enrolled through the service.
    callers: callers at once -> images_a_second, p50_ms and p99_ms of a request, and
        of_bare, the rate over the bare model's in the same rounds: checked files,
        decoded and encoded as many at a time as there are callers (at most 32), with
        nothing around. Service and model take turns; callers are a process of their
        own on the same cores.
    kills: how often the service was killed with SIGKILL while four callers enrolled,
        entries that it had acknowledged, and those of them that it had not when it was
        started again (lost: 0 is the target).
"""

import contextlib
import http.client
import io
import json
import multiprocessing
import pathlib
import statistics
import tempfile
import threading
import time
import uuid

import numpy as np
import PIL.Image
from absl import flags

from dimn_tf import errors, images, progress
from dimn_tf.export import served_model
from experiments import command_line, launch, model_flags, path_flags
from experiments.benchmarks import service_processes

FLAGS = flags.FLAGS
HEIGHT, WIDTH = 256, 128
_IMAGES = 64  # Different ones.
_KILLERS = 4  # Callers that enrol while the service is killed.
_PATIENCE = 120.0


def define() -> None:
    """Defines the command's flags."""
    model_flags.define()
    flags.DEFINE_list("callers", ["1", "8", "32"], "Callers at once.")
    flags.DEFINE_integer("entries", 500, "Entries of the gallery.", 1)
    flags.DEFINE_float("seconds", 10.0, "Of each turn.", 0.1)
    flags.DEFINE_integer("rounds", 3, "Turns of each.", 1)
    flags.DEFINE_integer("kills", 0, "Kills under load.", 0)
    path_flags.define_path("scratch", None, "Folder for temporary files; the system's.")


def main(_):
    callers = command_line.whole_numbers("callers")
    with tempfile.TemporaryDirectory(dir=FLAGS.scratch) as folder:
        place = pathlib.Path(folder)
        figures = {"entries": FLAGS.entries}
        if callers:
            figures |= speeds(
                FLAGS.model, FLAGS.runtime or "", place / "speed", callers
            )
        if FLAGS.kills:
            figures["kills"] = kills(
                FLAGS.model, FLAGS.runtime or "", place / "kills", FLAGS.kills
            )
    print(json.dumps(figures))


def made_up_files(count: int, seed: int = 0) -> list[bytes]:
    """JPEG files of smooth noise."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        coarse = rng.integers(0, 256, (16, 8, 3), np.uint8)
        image = PIL.Image.fromarray(coarse).resize((WIDTH, HEIGHT))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
        found.append(buffer.getvalue())
    return found


def speeds(model: str, runtime: str, place: pathlib.Path, callers) -> dict:
    """Rates and times by the number of callers."""
    files = made_up_files(_IMAGES)
    bare = served_model.ServedModel(model, runtime)
    context = _context()
    rows: dict[int, list[dict]] = {count: [] for count in callers}
    with _service(context, model, runtime, place) as (port, _):
        for i, file in enumerate(made_up_files(FLAGS.entries, seed=1)):
            status, _ = service_processes.enrol(
                http.client.HTTPConnection("127.0.0.1", port), file, i
            )
            if status != 201:
                raise errors.UserError(f"the service answered {status} to an enrolment")
        for _ in progress.bar(
            range(FLAGS.rounds), label="rounds", unit="rounds", on_stderr=True
        ):
            for count in callers:
                row = _asked(context, port, count, files)
                row["bare"] = _bare(bare, files, min(count, 32))
                rows[count].append(row)
    told = {}
    for count, of in rows.items():
        times = np.concatenate([row["times"] for row in of])
        told[count] = {
            "images_a_second": statistics.median(row["rate"] for row in of),
            "p50_ms": 1e3 * float(np.percentile(times, 50)),
            "p99_ms": 1e3 * float(np.percentile(times, 99)),
            "of_bare": statistics.median(row["rate"] / row["bare"] for row in of),
        }
    return {"runtime": bare.runtime, "callers": told}


def _bare(model, files, batch: int) -> float:
    """Images a second of the model alone."""
    done, end = 0, time.perf_counter() + FLAGS.seconds
    start = time.perf_counter()
    while time.perf_counter() < end:
        part = [files[(done + i) % len(files)] for i in range(batch)]
        model.probe_features([images.checked(file) for file in part])
        done += batch
    return done / (time.perf_counter() - start)


def _asked(context, port: int, callers: int, files) -> dict:
    """Rate and times of so many callers, who are a process of their own."""
    ours, theirs = context.Pipe()
    process = context.Process(
        target=service_processes.ask, args=(theirs, port, callers, files, FLAGS.seconds)
    )
    process.start()
    if not ours.poll(FLAGS.seconds + _PATIENCE):
        process.kill()
        raise errors.UserError("the callers did not come to an end")
    found = ours.recv()
    process.join()
    if isinstance(found, str):
        raise errors.UserError(found)
    return found


def kills(model: str, runtime: str, place: pathlib.Path, count: int) -> dict:
    """Kills the service under load again and again; what it lost."""
    context, acknowledged, lock = _context(), set(), threading.Lock()
    rng = np.random.default_rng(0)

    def enrol(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:  # Until it is killed.
                unique = made_up_files(1, seed=uuid.uuid4().int)[0]
                status, text = service_processes.enrol(connection, unique, 0)
                if status != 201:
                    return
                with lock:
                    acknowledged.add(json.loads(text)["id"])

    for _ in progress.bar(range(count), label="kills", unit="kills", on_stderr=True):
        with _service(context, model, runtime, place) as (port, process):
            threads = [
                threading.Thread(target=enrol, args=(port,)) for _ in range(_KILLERS)
            ]
            for thread in threads:
                thread.start()
            time.sleep(rng.uniform(0.05, 0.5))
            process.kill()
            for thread in threads:
                thread.join()
    with _service(context, model, runtime, place) as (port, _):
        there, after = set(), ""
        while after is not None:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", f"/v1/entries?limit=1000&after={after}")
            page = json.loads(connection.getresponse().read())
            there |= {entry["id"] for entry in page["entries"]}
            after = page["next"]
    return {
        "kills": count,
        "acknowledged": len(acknowledged),
        "lost": len(acknowledged - there),
        "there": len(there),
    }


def _context():
    """Processes that are forked from one that has imported all, and done nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([service_processes.__name__])
    return context


@contextlib.contextmanager
def _service(context, model: str, runtime: str, place: pathlib.Path):
    """A service in a process of its own: its port and the process."""
    ours, theirs = context.Pipe()
    process = context.Process(
        target=service_processes.serve, args=(theirs, model, runtime, str(place))
    )
    process.start()
    try:
        if not ours.poll(_PATIENCE):
            raise errors.UserError("the service does not start")
        port = ours.recv()
        yield port, process
    finally:
        if process.is_alive():
            process.terminate()
        process.join()


if __name__ == "__main__":
    launch.launch(define, main)
