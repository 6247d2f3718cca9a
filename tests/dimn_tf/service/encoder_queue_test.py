"""Dynamic batches: who goes with whom, in which order, and what a full queue says."""

import asyncio
import threading

import numpy as np
import pytest

from dimn_tf.export import served_model
from dimn_tf.service import encoder_queue, problems


class _Model:
    """Vectors are [number of the file, kind]; it waits until it is let go on."""

    def __init__(self):
        self.batches, self.go = [], threading.Event()
        self.go.set()

    def _call(self, kind, files):
        assert self.go.wait(10)
        self.batches.append((kind, [int(file) for file in files]))
        if b"13" in files:
            raise RuntimeError("13")
        faults = tuple("odd" if int(file) % 2 else "" for file in files)
        return served_model.Answer(np.array([[int(f), kind] for f in files]), faults)

    def probe_features(self, files):
        return self._call(0, files)

    def gallery_classifiers(self, files):
        return self._call(1, files)


def _run(body, batch_size=4, capacity=10):
    model, counted = _Model(), []

    async def main():
        queue = encoder_queue.EncoderQueue(
            model, batch_size, capacity, lambda n, seconds: counted.append((n, seconds))
        )
        queue.start()
        try:
            await body(model, queue)
        finally:
            model.go.set()
            await queue.stop()

    asyncio.run(main())
    assert [n for n, _ in counted] == [
        len(files) for _, files in model.batches if 13 not in files
    ]
    return model


def _files(*numbers):
    return [str(n).encode() for n in numbers]


async def _begun(model, queue, number=90):
    """Begins a batch that waits; gives its task."""
    model.go.clear()
    task = asyncio.create_task(queue.encode("probe", _files(number)))
    while len(queue) == 0:
        await asyncio.sleep(0)
    while len(queue):
        await asyncio.sleep(0.001)
    return task


def test_what_arrives_meanwhile_goes_together_in_its_order():
    async def body(model, queue):
        first = await _begun(model, queue)
        others = [
            asyncio.create_task(queue.encode("probe", _files(n, n + 1)))
            for n in (2, 4, 6)
        ]
        await asyncio.sleep(0.01)
        assert len(queue) == 6 and not any(task.done() for task in others)
        model.go.set()
        await first
        for n, task in zip((2, 4, 6), others, strict=True):
            answer = await task
            np.testing.assert_array_equal(answer.vectors, [[n, 0], [n + 1, 0]])
            assert answer.faults == ("", "odd")

    model = _run(body)
    assert model.batches == [(0, [90]), (0, [2, 3, 4, 5]), (0, [6, 7])]


def test_an_image_alone_waits_for_nobody():
    async def body(model, queue):
        for n in (2, 4):
            answer = await queue.encode("enrolled", _files(n))
            np.testing.assert_array_equal(answer.vectors, [[n, 1]])

    assert _run(body).batches == [(1, [2]), (1, [4])]


def test_kinds_do_not_mix():
    async def body(model, queue):
        first = await _begun(model, queue)
        kinds = ["probe", "enrolled", "probe", "enrolled"]
        tasks = [
            asyncio.create_task(queue.encode(kind, _files(i)))
            for i, kind in enumerate(kinds)
        ]
        await asyncio.sleep(0.01)
        model.go.set()
        await first
        found = [(await task).vectors[0].tolist() for task in tasks]
        assert found == [[0, 0], [1, 1], [2, 0], [3, 1]]

    assert _run(body).batches[1:] == [(0, [0, 2]), (1, [1, 3])]


def test_a_full_queue_says_when_to_come_again():
    async def body(model, queue):
        first = await _begun(model, queue)
        tasks = [asyncio.create_task(queue.encode("probe", _files(*range(0, 18, 2))))]
        await asyncio.sleep(0.01)
        with pytest.raises(problems.Problem, match="9 images wait .* of 10") as told:
            await queue.encode("probe", _files(20, 22))
        assert told.value.status == 503 and told.value.headers == {"Retry-After": "1"}
        tasks.append(asyncio.create_task(queue.encode("probe", _files(20))))
        await asyncio.sleep(0.01)
        model.go.set()
        await asyncio.gather(first, *tasks)
        await queue.encode("probe", _files(24))

    assert len(_run(body).batches) == 5  # 1, then 10 by fours, then 1.


def test_who_is_gone_is_not_encoded():
    async def body(model, queue):
        first = await _begun(model, queue)
        gone = asyncio.create_task(queue.encode("probe", _files(2, 4)))
        stays = asyncio.create_task(queue.encode("probe", _files(6)))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0.01)
        model.go.set()
        await first
        assert (await stays).vectors.tolist() == [[6, 0]]
        with pytest.raises(asyncio.CancelledError):
            await gone

    assert _run(body).batches == [(0, [90]), (0, [6])]


def test_a_batch_that_fails_fails_its_callers_and_no_other():
    async def body(model, queue):
        with pytest.raises(RuntimeError, match="13"):
            await queue.encode("probe", _files(13))
        assert (await queue.encode("probe", _files(2))).faults == ("",)

    _run(body)


def test_at_the_end_what_waits_is_encoded_and_nothing_new_is_taken():
    async def body(model, queue):
        first = await _begun(model, queue)
        waits = asyncio.create_task(queue.encode("probe", _files(2)))
        await asyncio.sleep(0.01)
        ending = asyncio.create_task(queue.stop())
        await asyncio.sleep(0.01)
        with pytest.raises(problems.Problem):
            await queue.encode("probe", _files(4))
        model.go.set()
        await ending
        assert first.done() and waits.done()

    assert _run(body).batches == [(0, [90]), (0, [2])]
