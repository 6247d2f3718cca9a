import json
import sys
import types

import pytest

import experiments.benchmarks
from dimn_tf.data import batch_request, pipeline
from experiments.benchmarks import input_pipeline


@pytest.fixture
def few_images(monkeypatch):
    monkeypatch.setattr(input_pipeline, "IDENTITIES", 40)
    monkeypatch.setattr(input_pipeline, "SECONDS", 0.2)
    monkeypatch.setattr(input_pipeline, "WARM_UP_BATCHES", 2)


def test_prints_one_json_line_with_the_ratio(few_images, monkeypatch, capsys):
    step = types.ModuleType("experiments.benchmarks.train_step")
    step.step_images_per_second = lambda: 2.5
    monkeypatch.setitem(sys.modules, step.__name__, step)
    monkeypatch.setattr(experiments.benchmarks, "train_step", step, raising=False)
    monkeypatch.setattr(
        input_pipeline,
        "pipeline_images_per_second",
        lambda space, options, request: 100.0,
    )

    input_pipeline.main(None)

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    found = json.loads(lines[0])
    assert found["pipeline_images_per_second"] == 100.0
    assert set(found["sampling_milliseconds"]) == {
        "identities_500",
        "identities_18530",
    }
    assert found["step_images_per_second"] == 2.5
    assert found["pipeline_over_step"] == 40.0
    assert (found["image_height"], found["image_width"]) == (256, 128)


def test_the_papers_label_space():
    space = input_pipeline.paper_label_space()
    assert (space.num_identities, space.num_images) == (18_530, 121_765)


def test_measures_what_it_says(few_images, tmp_path, monkeypatch):
    space = input_pipeline.made_up_label_space(str(tmp_path))
    assert (space.num_identities, space.num_images) == (40, 160)

    # Every look at the clock is a second later: 3 batches of 8 images before it shows
    # 4, and 5 at the last look.
    ticks = iter(range(100))
    clock = types.SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr(input_pipeline, "time", clock)
    found = input_pipeline.pipeline_images_per_second(
        space,
        pipeline.PipelineOptions(32, 16),
        batch_request.BatchRequest(4),
        seconds=3.5,
    )
    assert found == 8 * 3 / 5
