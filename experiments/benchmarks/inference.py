"""Milliseconds an image: the live model, its exports, and PyTorch, in one run.

    pip install -e '.[torch]'
    python -m experiments.benchmarks.inference

Prints one JSON line; times are medians over rounds in which all take their turn.
    milliseconds_an_image: batch size -> what ran -> time. `live` is the trained model
        as evaluation runs it, `saved_model` the signature `embed_probe_pixels`,
        `saved_model_bytes` the signature `embed_probe` on JPEG files of the input
        size, `onnx` and `litert` the other exports (encoder and mapping), `torch` a
        MobileNetV2 of the same width in eval mode, channels-last, and `torch_folded`
        the same with its batch norms folded into convolutions, as our exports have
        them. All have the same made-up weights.
    saved_model_over_torch: at batch 32 at most 1 is the target.
    signature_over_graph: the signature's time over that of its graph alone, constants
        in place of variables and no resizing: what the server's way around costs.
    mapping: what h adds at test, per cent of `live` at the same batch.
"""

import contextlib
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from absl import flags

from dimn_tf import encoders, errors, methods
from dimn_tf.export import exporter, formats, layout, serving
from experiments import launch

FLAGS = flags.FLAGS
CALLS = {1: 10, 32: 1}
"""Batch size -> timed calls a turn; one more before them brings weights into caches."""
PAUSE = 0.05  # Seconds, in which the threads of one runtime go to sleep.


def define() -> None:
    """Defines the command's flags."""
    flags.DEFINE_integer("height", 256, "Pixels.", 1)
    flags.DEFINE_integer("width", 128, "Pixels.", 1)
    flags.DEFINE_float("encoder_width", 1.4, "Width multiplier.")
    flags.DEFINE_integer("rounds", 15, "Timed runs of each kind.", 1)
    flags.DEFINE_bool("torch", True, "Whether PyTorch is measured too.")


def made_up_method(height: int, width: int, encoder_width: float) -> methods.Method:
    """DIMN with random weights and the statistics of a batch.

    Without those, activations fade from layer to layer into denormal numbers, with
    which PyTorch computes several times slower (TensorFlow takes them for 0).
    """
    encoder = encoders.build_encoder(
        "mobilenet_v2", height, width, encoder_width, batch_norm_momentum=0.0
    )
    encoder(exporter.made_up_images(64, height, width)[0], training=True)
    return methods.DIMN(encoder, methods.DIMN.Options())


def exported(method, folder: pathlib.Path, height: int, width: int) -> None:
    """Writes all formats, each checked against the live model."""
    module = serving.ServingModule(method, height, width)
    images, files = exporter.made_up_images(2, height, width)
    live = exporter.live_outputs(method, method.encode(images))
    for name, write in formats.FORMATS.items():
        print(f"exporting {name}", file=sys.stderr)
        write(module, folder)
        expected = {key: live[key] for key in formats.CHECKED[name]}
        exporter.check(name, expected, formats.RUNNERS[name](folder, images, files))


def our_ways(
    method, folder: pathlib.Path, height: int, width: int, batch: int
) -> dict[str, Callable[[], object]]:
    """What runs a batch of made-up images, by name."""
    from ai_edge_litert import interpreter
    from onnxruntime import InferenceSession

    images, _ = exporter.made_up_images(batch, height, width)
    pixels = tf.constant(images, tf.uint8)
    files = tf.stack([tf.io.encode_jpeg(image) for image in pixels])
    floats = tf.constant(images)
    signatures = tf.saved_model.load(str(folder)).signatures
    threads = len(os.sched_getaffinity(0))
    session = InferenceSession(
        str(folder / layout.ONNX_FILE), providers=["CPUExecutionProvider"]
    )
    runner = interpreter.Interpreter(
        str(folder / layout.LITERT_FILE), num_threads=threads
    ).get_signature_runner()
    graph = _graph(serving.ServingModule(method, height, width), height, width)
    features = method.encode(images)
    mapping = tf.function(method.gallery_representation)
    return {
        "live": lambda: method.encode(floats).numpy(),
        "saved_model": lambda: signatures["embed_probe_pixels"](pixels=pixels)[
            "probe_features"
        ].numpy(),
        "saved_model_bytes": lambda: signatures["embed_probe"](image_bytes=files)[
            "probe_features"
        ].numpy(),
        "onnx": lambda: session.run(["probe_features"], {"images": images}),
        "litert": lambda: runner(images=images),
        "graph": lambda: graph(floats)[0].numpy(),
        "mapping": lambda: mapping(features).numpy(),
    }


def _graph(module, height, width):
    from tensorflow.python.framework import convert_to_constants

    spec = tf.TensorSpec([None, height, width, 3], tf.float32)
    concrete = tf.function(module.probe_features).get_concrete_function(spec)
    return convert_to_constants.convert_variables_to_constants_v2(concrete)


def torch_ways(
    method, height: int, width: int, encoder_width: float, batch: int
) -> dict[str, Callable[[], object]]:
    """PyTorch's ways to run a batch with the method's weights, by name."""
    try:
        import torch
        from torch.nn.utils import fusion
    except ImportError as error:
        raise errors.UserError(
            f"this benchmark compares with PyTorch, which is not installed ({error}): "
            "pip install -e '.[torch]', or leave it out by --notorch"
        ) from error
    from experiments.benchmarks import torch_mobilenet_v2

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    images, _ = exporter.made_up_images(batch, height, width)
    # Rows, columns, channels in memory: channels-last.
    given = torch.from_numpy(images).permute(0, 3, 1, 2)

    def way(model):
        model = model.eval().to(memory_format=torch.channels_last)

        def run():
            with torch.inference_mode():
                return model(given).numpy()

        return run

    plain, folded = (
        torch_mobilenet_v2.MobileNetV2(encoder_width).eval() for _ in range(2)
    )
    for model in (plain, folded):
        torch_mobilenet_v2.carry_weights(method.encoder.backbone, model)
    for sequence in [m for m in folded.modules() if isinstance(m, torch.nn.Sequential)]:
        for i, norm in enumerate(sequence):
            if isinstance(norm, torch.nn.BatchNorm2d):
                sequence[i - 1] = fusion.fuse_conv_bn_eval(sequence[i - 1], norm)
                sequence[i] = torch.nn.Identity()
    return {"torch": way(plain), "torch_folded": way(folded)}


def milliseconds(
    ways: dict[str, Callable[[], object]], rounds: int, batch: int
) -> dict[str, list[float]]:
    """Times of each turn by name, an image; all take turns."""
    for run in ways.values():
        for _ in range(3):
            run()  # Compiles and plans.
    found = {name: [] for name in ways}
    for done in range(rounds):
        for name, run in ways.items():
            time.sleep(PAUSE)
            run()
            start = time.perf_counter()
            for _ in range(CALLS[batch]):
                run()
            seconds = time.perf_counter() - start
            found[name].append(1e3 * seconds / CALLS[batch] / batch)
        print(f"\rbatch {batch}: round {done + 1}/{rounds}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return found


def main(_):
    size = FLAGS.height, FLAGS.width
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        method = made_up_method(*size, FLAGS.encoder_width)
        with contextlib.redirect_stdout(sys.stderr):
            exported(method, folder, *size)
        for batch in CALLS:
            ways = our_ways(method, folder, *size, batch)
            if FLAGS.torch:
                ways |= torch_ways(method, *size, FLAGS.encoder_width, batch)
            times[batch] = milliseconds(ways, FLAGS.rounds, batch)
    medians = {
        batch: {name: statistics.median(values) for name, values in found.items()}
        for batch, found in times.items()
    }

    def ratio(one, other):
        return {b: round(row[one] / row[other], 3) for b, row in medians.items()}

    line = {
        "benchmark": "inference",
        "images": "{}x{}, MobileNetV2 x{:g}".format(*size, FLAGS.encoder_width),
        "milliseconds_an_image": {
            batch: {
                name: round(value, 3)
                for name, value in row.items()
                if name not in ("graph", "mapping")
            }
            for batch, row in medians.items()
        },
        "interquartile_range": {
            batch: {
                name: round(float(np.subtract(*np.percentile(v, (75, 25)))), 3)
                for name, v in found.items()
            }
            for batch, found in times.items()
        },
        **(
            {
                "saved_model_over_torch": ratio("saved_model", "torch"),
                "saved_model_over_torch_folded": ratio("saved_model", "torch_folded"),
            }
            if FLAGS.torch
            else {}
        ),
        "saved_model_over_fastest": {
            b: round(row["saved_model"] / min(_others(row).values()), 3)
            for b, row in medians.items()
        },
        "fastest": {b: min(_others(r), key=r.get) for b, r in medians.items()},
        "signature_over_graph": ratio("saved_model", "graph"),
        "mapping": {
            "milliseconds_an_image": {
                b: round(row["mapping"], 4) for b, row in medians.items()
            },
            "per_cent_of_live": {
                b: round(100 * row["mapping"] / row["live"], 2)
                for b, row in medians.items()
            },
        },
        "rounds": FLAGS.rounds,
        "cores": len(os.sched_getaffinity(0)),
        "versions": _versions(),
    }
    print(json.dumps(line))


def _others(row):
    return {k: v for k, v in row.items() if k not in ("graph", "mapping")}


def _versions() -> dict[str, str]:
    from importlib import metadata

    names = ["tensorflow", "onnxruntime", "ai-edge-litert"]
    if FLAGS.torch:
        names.append("torch")
    return {name: metadata.version(name) for name in names}


if __name__ == "__main__":
    launch.launch(define, main)
