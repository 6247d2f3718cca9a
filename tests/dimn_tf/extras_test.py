"""A package that is not installed is named with the extra that brings it."""

import ast
import pathlib
import sys

import pytest

from dimn_tf import errors, extras
from dimn_tf.export import formats
from dimn_tf.gallery import Gallery, indexes, milvus_collections

_ROOT = pathlib.Path(__file__).parents[2]
_OPTIONAL = {
    "faiss": "gallery",
    "pymilvus": "milvus",
    "tf2onnx": "onnx",
    "onnxruntime": "onnx",
    "ai_edge_litert": "litert",
}
_ELSEWHERE = {
    # Told by the launcher, which may leave the warm-up out, or PyTorch.
    ("dimn_tf/export/warmup.py", "tensorflow_serving"),
    ("experiments/benchmarks/inference.py", "torch"),
    ("experiments/benchmarks/torch_mobilenet_v2.py", "torch"),
    # After an export in each format, which refuses first.
    ("experiments/benchmarks/inference.py", "onnxruntime"),
    ("experiments/benchmarks/inference.py", "ai_edge_litert"),
}


@pytest.mark.parametrize(
    ("package", "ask"),
    [
        ("faiss", lambda folder: indexes.INDEXES["hnsw"](4)),
        ("faiss", lambda folder: Gallery.create(folder / "new", "ab" * 32, 4)),
        ("pymilvus", lambda folder: milvus_collections.connect("http://nowhere:1")),
        ("tf2onnx", lambda folder: formats.onnx(None, folder)),
        ("onnxruntime", lambda folder: formats.run_onnx(folder, None, None)),
        ("ai_edge_litert", lambda folder: formats.run_litert(folder, None, None)),
    ],
)
def test_a_missing_package_is_one_line_with_its_extra(
    package, ask, monkeypatch, tmp_path
):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(errors.UserError) as told:
        ask(tmp_path)
    said = str(told.value)
    assert f"needs the package {package}, which is not installed" in said
    assert f"pip install -e '.[{_OPTIONAL[package]}]'" in said and "\n" not in said
    assert not list(tmp_path.iterdir())


def test_a_package_that_is_there_is_used():
    assert extras.Lazy("ast", "none", "a test").parse is ast.parse


def test_no_module_imports_an_optional_package_by_itself():
    """A bare `import` would end a command in a traceback, `--help` included."""
    optional = {*_OPTIONAL, "torch", "tensorflow_serving", "tensorboard", "onnx"}
    found = set()
    for room in ("dimn_tf", "data_builders", "experiments"):
        for path in (_ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                names = [getattr(node, "module", None) or ""]
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif not isinstance(node, ast.ImportFrom) or node.level:
                    continue
                for name in {name.partition(".")[0] for name in names} & optional:
                    found.add((str(path.relative_to(_ROOT)), name))
    assert found == _ELSEWHERE
