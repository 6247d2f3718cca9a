"""README's Python runs as it stands."""

import contextlib
import io
import pathlib
import re
import shutil
import textwrap

from data_builders import dummy_images

_README = pathlib.Path(__file__).parents[1] / "README.md"
_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def test_the_python_block_runs(dimn_export, tmp_path, monkeypatch):
    blocks = [text for _, text in _BLOCK.findall(_README.read_text(encoding="utf-8"))]
    (block,) = [text for text in blocks if "dimn_tf.load" in text]
    monkeypatch.chdir(tmp_path)
    shutil.copytree(dimn_export.folder, "exports/small/1")
    names = ["a.jpg", "b.jpg", "door/1.jpg", "door/2.jpg"]
    dummy_images.write(tmp_path, names, height=80, width=40)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(textwrap.dedent(block), "README.md", "exec"), {})
    shape, comparison, *hits = out.getvalue().splitlines()
    assert shape == "(3, 6) {2: 'No such file or directory'}"
    assert comparison.startswith("Comparison(likeness=")
    assert {hit.split()[0] for hit in hits} == {"anna", "bo"}
