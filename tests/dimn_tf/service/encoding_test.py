"""What the model does for requests, with one that is made up."""

import asyncio
import threading

import numpy as np
import pytest

from data_builders import dummy_images
from dimn_tf import errors, images
from dimn_tf.export import served_model
from dimn_tf.gallery import explanation
from dimn_tf.service import encoder_queue, encoding, options, problems, thumbnails


class _Model:
    """Encodes a file as its length."""

    inner_product_scale, folder = 3.0, "exports/x"
    metadata = {"thresholds": {"thresholds": [{"one_in": 10}, {"one_in": 100}]}}  # noqa: RUF012

    def __init__(self, fault=""):
        self._fault = fault

    def probe_features(self, files):
        vectors = np.array([[len(file)] for file in files], np.float32)
        return served_model.Answer(vectors, (self._fault,) * len(files))

    gallery_classifiers = probe_features

    def has_threshold(self, one_in):
        return one_in == 100

    def usual_threshold(self, one_in):
        if one_in not in (None, 100):
            raise errors.UserError("none")
        return 0.5, 100


def _made(model, log=print):
    return encoding.Encoding(
        model, options.ServiceOptions(), lambda images, seconds: None, log
    )


def _picture(height, width):
    return images.encode_png(dummy_images.pixels(0, height, width))


def test_images_are_encoded_and_faults_are_told_for_each():
    content = _picture(60, 30)

    async def run(model):
        made = _made(model)
        made.start()
        try:
            async with made.pictures(content) as pictures:
                return await made.vectors(encoder_queue.PROBE, pictures)
        finally:
            await made.stop()
            assert made.waiting == 0

    vectors, faults = asyncio.run(run(_Model()))
    assert vectors.tolist() == [[len(content)]] and faults == [None]
    assert asyncio.run(run(_Model("a zero vector")))[1] == ["a zero vector"]


def test_large_pictures_are_made_small_in_a_thread():
    async def run(content):
        made = _made(_Model())
        made.start()
        try:
            return await made.made_of(content, thumbnails.made)
        finally:
            await made.stop()

    for content in (_picture(60, 30), _picture(900, 400)):
        assert asyncio.run(run(content)) == thumbnails.made(content)


def test_a_model_that_gives_no_vector_is_told_before_anybody_asks():
    with pytest.raises(errors.UserError, match="exports/x: of an image of noise, zero"):
        _made(_Model("zero")).warm_up()
    _made(_Model()).warm_up()


def test_thresholds_are_those_that_the_model_has():
    made = _made(_Model())
    assert made.scale == 3.0 and made.thresholds() == [100]
    assert made.threshold(None) == made.threshold(100) == (0.5, 100)
    with pytest.raises(problems.Problem, match=r"no such threshold.*\[100\]") as told:
        made.threshold(10)
    assert told.value.status == 422


def test_a_model_that_cannot_explain_is_a_problem_and_in_the_log(monkeypatch):
    def cannot(*given):
        raise errors.UserError("no such signature")

    monkeypatch.setattr(explanation, "explained", cannot)
    said = []

    async def run():
        made = _made(_Model(), said.append)
        made.start()
        try:
            await made.explained(b"", "e", 1.0, b"", None, False)
        finally:
            await made.stop()

    with pytest.raises(problems.Problem, match="cannot explain its scores") as told:
        asyncio.run(run())
    assert told.value.status == 422
    assert said == ["no explanation: no such signature"]


def test_explanations_that_wait_have_a_limit(monkeypatch):
    going, done = threading.Event(), []

    def explained(*given):
        going.wait(20)
        done.append(given[1])
        return ["a row"]

    monkeypatch.setattr(explanation, "explained", explained)

    async def run():
        made = encoding.Encoding(
            _Model(), options.ServiceOptions(waiting_images=2), lambda n, s: None, print
        )
        made.start()

        def ask():
            return made.explained(b"", "e", 1.0, b"", None, False)

        tasks = [asyncio.create_task(ask()) for _ in range(3)]  # One is at work.
        await asyncio.sleep(0.05)
        with pytest.raises(problems.Problem, match="2 explanations wait") as told:
            await ask()
        going.set()
        answers = await asyncio.gather(*tasks)
        assert await ask() == "a row"
        await made.stop()
        return told.value, answers

    problem, answers = asyncio.run(run())
    assert problem.status == 503 and problem.headers["Retry-After"] == "5"
    assert answers == ["a row"] * 3 and len(done) == 4
