"""What a user reads of TensorFlow's errors."""

import pytest
import tensorflow as tf

from dimn_tf import tensorflow_errors

_LOST = """Graph execution error:

Detected at node CollectiveReduceV2 defined at (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main

  File "/a/train.py", line 99, in <module>

Collective ops is aborted by: Error reported from /job:worker/task:1: it has crashed.
The error could be from a previous operation. Restart your program to reset.
\t [[{{node CollectiveReduceV2}}]] [Op:__inference_mean_of_all_73]"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{{function_node __wrapped__SaveV2_device_/job:localhost/device:CPU:0}} "
            "/a/ckpt.tempstate730; No space left on device [Op:SaveV2]",
            "/a/ckpt.tempstate730; No space left on device",
        ),
        ("cut [[{{node save/RestoreV2}}]] short", "cut  short"),
        (
            _LOST,
            "Collective ops is aborted by: Error reported from /job:worker/task:1: it "
            "has crashed.",
        ),
        ("{{node a}}\nsecond line", "second line"),
        ("a [b] {c}", "a [b] {c}"),
        ("x" * 1_000, "x" * 300),
    ],
)
def test_nodes_and_places_in_the_code_are_left_out(text, said):
    error = tf.errors.UnavailableError(None, None, text)
    assert tensorflow_errors.reason(error) == said


@pytest.mark.parametrize("error", [IndexError("Read less bytes"), IndexError()])
def test_errors_of_python_are_told_too(error):
    assert tensorflow_errors.reason(error) in ("Read less bytes", "IndexError")


def test_a_real_errors_reason(tmp_path):
    with pytest.raises(tf.errors.OpError, match="function_node") as caught:
        tf.io.read_file(str(tmp_path / "none")).numpy()
    said = tensorflow_errors.reason(caught.value)
    assert said.startswith(str(tmp_path / "none")) and "No such file" in said
    assert not {"{", "[", "]"} & set(said)
