"""What is remembered for a second: until it changes, and for all who ask at once."""

import asyncio

import pytest

from dimn_tf.service import remembered


def test_it_is_asked_for_once_until_it_may_be_another():
    asked = []

    async def ask():
        asked.append(None)
        await asyncio.sleep(0.01)
        return len(asked)

    async def run():
        made = remembered.Remembered(ask)
        assert await asyncio.gather(*(made() for _ in range(9))) == [1] * 9
        made.forget()
        assert await made() == 2
        made.forget()
        late = asyncio.create_task(made())
        await asyncio.sleep(0)
        made.forget()  # While it is asked for: the answer may be the old one.
        assert await late == 3 and await made() == 4 and await made() == 4

    asyncio.run(run())


def test_it_is_asked_for_anew_after_a_while(monkeypatch):
    monkeypatch.setattr(remembered, "_SECONDS", 0.0)
    answers = iter([1, RuntimeError("none"), 2])

    async def ask():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run():
        made = remembered.Remembered(ask)
        assert await made() == 1
        with pytest.raises(RuntimeError, match="none"):
            await made()
        assert await made() == 2

    asyncio.run(run())
