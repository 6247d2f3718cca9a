"""Rows' files: gathered where they belong together, refused where they do not."""

import json

import pytest

from dimn_tf import errors
from dimn_tf.fewshot import row_files
from tests.dimn_tf.fewshot import made_up


def test_rows_of_other_data_are_no_table(tmp_path):
    made_up.write_row(tmp_path, "dimn", 1, dataset="mini_imagenet")
    made_up.write_row(tmp_path, "maml", 1)
    with pytest.raises(errors.UserError, match="One table is of one data set"):
        row_files.gather(tmp_path)


def test_rows_of_other_images_are_no_table(tmp_path):
    made_up.write_row(tmp_path, "dimn", 1)
    hashes = {"train": "a", "val": "b", "test": "other"}
    made_up.write_row(tmp_path, "dimn", 5, images_sha256=hashes)
    with pytest.raises(errors.UserError, match="dimn_5shot.json: of other images than"):
        row_files.gather(tmp_path)


def test_rows_of_other_ways_are_no_table(tmp_path):
    made_up.write_row(tmp_path, "dimn", 1)
    made_up.write_row(tmp_path, "dimn", 5, ways=10)
    with pytest.raises(
        errors.UserError, match="dimn_5shot.json: of --ways=10, .* is of 5"
    ):
        row_files.gather(tmp_path)


def test_a_row_of_other_flags_is_refused(tmp_path):
    path = made_up.write_row(
        tmp_path, "dimn", 1, flags={"dataset": "a", "tasks": 2, "some": [1]}
    )
    figures = row_files.read(path, "dimn", 1)
    # A flag that the file does not know yet has its default.
    defaults = {"tasks": 1, "newer": 3}
    row_files.refuse_other(
        figures, path, {"tasks": 2, "some": (1,), "newer": 3}, defaults
    )
    with pytest.raises(errors.UserError, match="made with --tasks=2, now 4 is asked"):
        row_files.refuse_other(figures, path, {"tasks": 4}, defaults)
    with pytest.raises(errors.UserError, match="made with --newer=3, now 4 is asked"):
        row_files.refuse_other(figures, path, {"newer": 4}, defaults)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not the figures of dimn, 1-shot"),
        ("[]", "not the figures of dimn, 1-shot"),
        (json.dumps({"method": "dimn"}), "KeyError|'shots'"),
        (json.dumps(made_up.figures("maml", 1)), "it is of maml, 1-shot"),
        (json.dumps(made_up.figures("dimn", 5)), "it is of dimn, 5-shot"),
        (json.dumps(made_up.figures("dimn", 1, accuracy="high")), "could not convert"),
        (json.dumps(made_up.figures("dimn", 1, ways="5")), "its ways are 5"),
        (json.dumps(made_up.figures("dimn", 1, flags={})), "it is of dimn, 1-shot"),
    ],
)
def test_another_file_is_no_row(tmp_path, text, told):
    row_files.path_of(tmp_path, "dimn", 1).write_text(text)
    with pytest.raises(errors.UserError, match=told):
        row_files.gather(tmp_path)
