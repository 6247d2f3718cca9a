"""A writer that is killed at any moment loses nothing that it acknowledged."""

import random
import subprocess
import sys
import time

import numpy as np
import pytest

from dimn_tf import errors
from dimn_tf.gallery import Entry, Gallery
from tests.dimn_tf.gallery import writer


def _start(folder):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.dimn_tf.gallery.writer", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )


def _killed_after_its_first_lines(folder, lines, wait):
    process = _start(folder)
    said = [process.stdout.readline() for _ in range(lines)]
    time.sleep(wait)
    process.kill()
    rest, _ = process.communicate()
    whole = "".join(said) + rest[: rest.rfind("\n") + 1]
    return [line.split() for line in whole.splitlines()]


def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(tmp_path):
    draw = random.Random(0)
    added, removed = set(), set()
    for _ in range(12):
        lines = draw.randrange(1, 8)
        for verb, start in _killed_after_its_first_lines(
            tmp_path, lines, draw.uniform(0, 0.02)
        ):
            (added if verb == "added" else removed).add(int(start))
        with Gallery(tmp_path) as gallery:
            for start in added:
                batch = [
                    f"e{n}" in gallery for n in range(start, start + writer.AT_A_TIME)
                ]
                if start in removed:
                    assert not batch[0]
                assert all(batch[1:])
    assert len(added) > 30 and removed
    with Gallery(tmp_path) as gallery:
        counted = 0
        for start in range(0, max(added) + 2 * writer.AT_A_TIME, writer.AT_A_TIME):
            numbers = range(start, start + writer.AT_A_TIME)
            there = [f"e{number}" in gallery for number in numbers]
            counted += sum(there)
            # What was on disk and not yet said to be is whole too.
            assert there[1] == there[2]
            may_be_removed = start % (10 * writer.AT_A_TIME) == 0
            assert there[0] == there[1] or (may_be_removed and not there[0])
        assert counted == len(gallery)
        for start in sorted(added)[:: max(1, len(added) // 20)]:
            expected = writer.vector(start + 1)
            (hit,) = gallery.search(expected[np.newaxis], 1)[0]
            assert hit.entry_id == f"e{start + 1}" and hit.person_id == f"p{start + 1}"
            assert hit.metadata == {"n": start + 1}
            assert hit.score == pytest.approx(float(expected @ expected), rel=1e-5)
        gallery.add([Entry("one more", writer.vector(0))])


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path):
    with Gallery.create(tmp_path, "ab" * 32, 4) as first:
        first.add([Entry("a", np.ones(4))])
        with first._writing(), Gallery(tmp_path) as second:
            assert second.search(np.ones((1, 4)), 1)[0][0].entry_id == "a"
            with pytest.raises(errors.UserError, match="another process is writing"):
                second.add([Entry("b", np.ones(4))])
        first.add([Entry("c", np.ones(4))])
