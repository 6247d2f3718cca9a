"""Do the tests see faults? Puts small ones into a module, one at a time.

    make mutate MODULE=dimn_tf/losses.py

cosmic-ray makes the faults (`sampling` draws which), in a copy of the working tree in
a temporary folder; the checkout stays as it is. For each the tests that reach the
module (`reach`) run in a fork of a process that has TensorFlow imported (`zygote`)
until the first fails; a run that takes too long is noticed too. What was not noticed
is printed and written to experiments/results/mutation.json (`results`).

A command that was cut off goes on where it stopped: the same one again. One that ran to
its end begins anew, or with --survivors_only runs only what was not noticed, for which
tests have been written since.
"""

import contextlib
import importlib.metadata
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence

from absl import flags
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.testing import run_tests
from cosmic_ray.work_item import TestOutcome, WorkerOutcome

from dimn_tf import errors, progress
from experiments import launch
from tests.mutation import operators, reach, results, session, zygote

FLAGS = flags.FLAGS
_ROOT = pathlib.Path(__file__).resolve().parents[2]
_MARGIN_SECONDS = 10.0
_SLOWER = 3.0


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_list("modules", None, "Modules or folders of them, below the root.")
    flags.DEFINE_integer(
        "mutants", 24, "How many of each module; all where there are fewer.", 1
    )
    flags.DEFINE_integer("seed", 0, "Of the draw of mutants.")
    flags.DEFINE_bool(
        "survivors_only", False, "Run again only what was not noticed before."
    )
    flags.DEFINE_string(
        "sessions", str(_ROOT / "runs" / "mutation"), "Folder of what is resumed."
    )
    flags.DEFINE_string(
        "output",
        str(_ROOT / "experiments" / "results" / "mutation.json"),
        "Where the results go.",
    )
    flags.mark_flag_as_required("modules")


def _modules(given: Sequence[str]) -> list[str]:
    found = []
    for name in given:
        path = (_ROOT / name).resolve()
        if not path.exists() or not path.is_relative_to(_ROOT):
            raise errors.UserError(
                f"--modules={name}: no file or folder below {_ROOT}; "
                "name one such as dimn_tf/losses.py."
            )
        files = [path] if path.is_file() else sorted(path.rglob("*.py"))
        if path.is_file() and (path.suffix != ".py" or path.name.endswith("_test.py")):
            raise errors.UserError(f"--modules={name}: expected a module, no test.")
        skipped = ("_test.py", "__init__.py", "dummy_data.py")
        files = [f for f in files if path.is_file() or not f.name.endswith(skipped)]
        found += [str(f.relative_to(_ROOT)) for f in files]
    if not found:
        raise errors.UserError(
            "--modules names no module: name one, such as dimn_tf/losses.py, or a "
            "folder of them (make mutate MODULE=dimn_tf/losses.py)."
        )
    return list(dict.fromkeys(found))


def _copy(target: pathlib.Path) -> None:
    """The working tree, as git sees it: tracked files, and new ones not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (_ROOT / name).is_file():  # Else removed and not committed yet.
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_ROOT / name, target / name)


@contextlib.contextmanager
def _zygote(socket_path: pathlib.Path) -> Iterator[None]:
    # Its own folder, so that nothing of this project is at hand when it imports.
    script = [sys.executable, zygote.__file__, str(socket_path)]
    with subprocess.Popen(
        script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdout.readline().strip() != zygote.READY:
            raise RuntimeError("the zygote did not start; its error is above.")
        try:
            yield
        finally:
            process.stdin.close()  # It ends.


def _baseline(command: str, module: str) -> float:
    """Seconds that the tests take on the code as it is; they must pass."""
    start = time.monotonic()
    outcome, output = run_tests(command, None)
    if outcome != TestOutcome.SURVIVED:
        print(output)
        raise errors.UserError(
            f"{module}: its tests fail on the code as it is (output above); "
            "mend them first."
        )
    return time.monotonic() - start


def _run(module: str, command: str, tests: Sequence[str], copy: pathlib.Path) -> dict:
    """Runs one module's mutants; gives its entry of the results."""
    drawn = {"mutants": FLAGS.mutants, "seed": FLAGS.seed}
    place = pathlib.Path(FLAGS.sessions) / (module.replace("/", ".") + ".sqlite")
    with session.opened(place, module, copy, drawn) as database:
        if not database.pending_work_items:
            session.forget(database, FLAGS.survivors_only)
        pending = database.pending_work_items
        if pending:
            limit = _MARGIN_SECONDS + _SLOWER * _baseline(command, module)
        for item in progress.bar(pending, label=module, unit="mutants"):
            result = mutate_and_test(item.mutations, command, limit)
            if result.worker_outcome != WorkerOutcome.NORMAL:
                raise RuntimeError(f"cosmic-ray failed at {item}:\n{result.output}")
            database.set_result(item.job_id, result)
        missed = session.survivors(database)
        mutants = database.num_work_items
    return {
        "mutants": mutants,
        "noticed": mutants - len(missed),
        "survivors": missed,
        "tests": list(tests),
        "seed": FLAGS.seed,
        "cosmic_ray": importlib.metadata.version("cosmic_ray"),
        "command": f"make mutate MODULE={module}",
    }


def main(_) -> None:
    """Mutates each module in turn."""
    modules = _modules(FLAGS.modules)
    output = pathlib.Path(FLAGS.output).resolve()
    FLAGS.sessions = str(pathlib.Path(FLAGS.sessions).resolve())
    table = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table = table["tool"]["mutation"]["tests"]
    operators.register()
    # So that the copy goes away also where the command is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with contextlib.ExitStack() as stack:
        scratch = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mutation-"))
        )
        copy = scratch / "repository"
        _copy(copy)
        stack.enter_context(contextlib.chdir(copy))
        stack.enter_context(_zygote(scratch / "socket"))
        client = pathlib.Path(zygote.__file__).with_name("ask.py")
        ask = [sys.executable, "-I", "-S", str(client)]
        for module in modules:
            tests = reach.tests_of(module, copy, table)
            pytest = ["-x", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
            pytest += [f"--basetemp={scratch / 'pytest'}", *tests]
            command = shlex.join([*ask, str(scratch / "socket"), str(copy), *pytest])
            entry = _run(module, command, tests, copy)
            entry = results.merge(output, module, entry)
            for one in entry["survivors"]:
                why = f"  (changes nothing: {one['why']})" if one["why"] else ""
                print(f"{module}:{one['line']}: {one['operator']}{why}\n{one['diff']}")
            progress.print_at_once(
                f"{module}: {entry['noticed']} of {entry['mutants']} noticed, "
                f"{results.share([entry]):.0%} of those that change behaviour"
            )


if __name__ == "__main__":
    launch.launch(define, main)
