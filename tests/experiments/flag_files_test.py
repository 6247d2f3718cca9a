"""Flag files of every sort, and where their words stand."""

import codecs

import pytest

from dimn_tf import errors
from experiments import flag_files

LINES = "--seed=3\n# note\n\n  // note\n--workdir=runs/ä\n"


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        codecs.BOM_UTF8 + LINES.encode(),
        LINES.encode("utf-16"),
        codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
        LINES.replace("\n", "\r\n").encode(),
        LINES.replace("\n", "\r").encode(),
        LINES.rstrip().encode(),
    ],
)
def test_encodings_and_ends_of_lines(content, tmp_path):
    path = tmp_path / "a b[1].flags"
    path.write_bytes(content)
    words = flag_files.expand(["x.png", f"--flagfile={path}", "--", "--flagfile=no"])
    assert [w.text for w in words] == [
        "x.png", "--seed=3", "--workdir=runs/ä", "--", "--flagfile=no",
    ]  # fmt: skip
    assert words[1].where == f"{path}, line 1" and words[2].where.endswith("line 5")
    assert flag_files.expand(["-flagfile", str(path)]) == words[1:3]


def test_a_home_and_files_in_files(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.flags").write_text("--flagfile=~/b.flags\n--flagfile=~/b.flags\n")
    (tmp_path / "b.flags").write_text("--seed=1\n")
    found = flag_files.expand(["--flagfile=~/a.flags"])
    assert [w.text for w in found] == ["--seed=1"] * 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        ("folder", "Is a directory"),
        (b"--seed=1\n--workdir=\xff\n", "line 2 is no text in UTF-8"),
        (b"--seed=1\0\n", "NUL bytes"),
        (b"--workdir=runs/dg # mine\n", "# mine: a note stands on a line of its own"),
        (b"--workdir=runs/dg\t#mine\n", "a note stands on a line of its own"),
        (b"#" * (2 << 20), "no flag file"),
        (b"--seed=1\nviper\n", "line 2: viper: expected one flag a line"),
        (b"--seed=1\n--flagfile={}\n", "line 2: --flagfile={}: the file names itself"),
        (b"--flagfile\n", "line 1: --flagfile: expected a file's name"),
        (b"--flagfile=\n", "line 1: --flagfile=: it is empty"),
    ],
)
def test_a_file_that_is_none_is_one_line(content, said, tmp_path):
    path = tmp_path / "a.flags"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content.replace(b"{}", str(path).encode()))
    with pytest.raises(errors.UserError) as caught:
        flag_files.expand([f"--flagfile={path}"])
    text = str(caught.value)
    assert said.replace("{}", str(path)) in text and str(path) in text
    assert "\n" not in text
