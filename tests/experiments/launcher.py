"""Runs launchers inside the test's process: TensorFlow is imported once for all."""

import contextlib
import io
import os
import pathlib
import runpy
import subprocess
import sys

from absl import app, flags
from absl.testing import flagsaver

ROOT = pathlib.Path(__file__).resolve().parents[2]

app.define_help_flags()  # Once a process: before the first launcher's flags go again.


def launch(module: str, *arguments: str, code: int = 0) -> str:
    """What a launcher prints (with another code: its error), once its code is right.

    The whole of `python -m experiments.MODULE` but for the interpreter's start: the
    module's last lines, flags parsed from the command line into no others' values,
    messages, exit status. The current folder is the repository's root.
    """
    done = run(module, *arguments)
    assert done.returncode == code, done.stderr[-3000:]
    return done.stderr if code else done.stdout


def run(module: str, *arguments: str) -> subprocess.CompletedProcess:
    """What a process of its own would have given: exit status and both outputs.

    Raises:
        Exception: what the launcher does not catch; its process would end with a
            traceback.
    """
    out, err = io.StringIO(), io.StringIO()
    before, argv = os.getcwd(), sys.argv
    with (
        _flags_of_its_own(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        flags.FLAGS.unparse_flags()
        sys.argv = [f"experiments/{module}.py", *map(str, arguments)]
        os.chdir(ROOT)
        try:
            runpy.run_module(f"experiments.{module}", run_name="__main__")
        except SystemExit as end:
            returned = end.code or 0
        else:
            returned = 0
        finally:
            os.chdir(before)
            sys.argv = argv
    return subprocess.CompletedProcess(
        sys.argv, returned, out.getvalue(), err.getvalue()
    )


@contextlib.contextmanager
def _flags_of_its_own():
    """Takes a launcher's flags away again; those that libraries define stay.

    Libraries define theirs while they are imported, which happens once a process.
    """
    before = flagsaver.save_flag_values()
    try:
        yield
    finally:
        for module, defined in list(flags.FLAGS.flags_by_module_dict().items()):
            if module.startswith("experiments"):
                for flag in list(defined):
                    if flag.name in flags.FLAGS:
                        delattr(flags.FLAGS, flag.name)
        flagsaver.restore_flag_values({**flagsaver.save_flag_values(), **before})
