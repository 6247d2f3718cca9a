import json

from experiments.benchmarks import train_step
from tests.experiments import launcher

SMALL = ("--images=2", "--height=16", "--width=8", "--rounds=2")


def test_prints_one_json_line(monkeypatch):
    run = train_step.seconds_in_turn

    def seconds(steps, rounds):
        run(steps, 1)  # All of them work.
        # Each kind takes a second more than the one before it.
        return [[float(i + 1)] * rounds for i in range(len(steps))]

    monkeypatch.setattr(train_step, "seconds_in_turn", seconds)
    (line,) = launcher.launch("benchmarks.augmentation", *SMALL).splitlines()
    found = json.loads(line)
    assert found["images"] == "2 x 16x8"
    # The cast first, seven kinds of options, then the three of the colour change.
    assert found["milliseconds"]["cast"] == 1e3
    assert found["option_milliseconds"]["flip"] == 1e3
    assert found["option_milliseconds"]["all"] == 7e3
    assert found["colour_over_tf_image"] == 0.9
    assert found["colour_over_tf_image_each"] == round(9 / 11, 3)
