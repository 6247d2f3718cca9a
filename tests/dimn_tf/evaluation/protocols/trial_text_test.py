"""Trial lists: text and hash."""

import hashlib

import pytest

from dimn_tf import errors
from dimn_tf.evaluation.protocols import trial as trial_lib
from dimn_tf.evaluation.protocols import trial_text

_pairs = trial_lib.Trial.of_pairs
NAMED = [
    _pairs("one", (("a/1", "b/1"), ("a/3", "b/3")), ("b/9",)),
    _pairs("two", (("a/2", "b/2"),), ("b/9",)),
]


def _open(name="t", probes=("a", "b"), gallery=("c", "d"), rule="none"):
    return trial_lib.Trial(name, probes, gallery, camera_rule=rule)


# Worked out by the code of commit c925730, in which lists of pairs and other trials
# had a hash each: results on disk name their trials by them.
@pytest.mark.parametrize(
    ("trials", "digest"),
    [
        (NAMED, "56e36096528c9b23c414382a686ac8af2ca4286fdbb8d385dbff4a952caa42ef"),
        (
            [NAMED[0], _pairs("two", (("a/2", "b/2"),), ("b/1",))],
            "800c9064348973ed87426bc9a9668045af7dd6f3b12c9541b9f2300bb56dc6a6",
        ),
        (
            [_pairs("t", [("a b/1", "ü/1")])],
            "f2eb80c43bf2132b70dd3b81c9d75ad4bd7ba08910e3f925ca178750e0589938",
        ),
        (
            [_open()],
            "31f19a5da31022cc6ddd1973c714abd857883fd37b1e2b7e78888976381af686",
        ),
        (
            [
                _open(rule="cross_camera"),
                _open("u", ("x y", "ü"), ("c",)),
            ],
            "d14a6189ecd6b89187f33d3c37e79aee67b5dfdd8c9b67ebccafb2aaac7d4614",
        ),
        (
            [_open(probes=("no\udcffutf8",), gallery=("c",))],  # As os.fsdecode.
            "99fbdd62f46a932b1e9695602cc30f44881e87db18d25007163423c009aa8028",
        ),
    ],
)
def test_hashes_stay_as_results_on_disk_have_them(trials, digest):
    assert trial_text.sha256(trials) == digest


def test_the_hash_knows_all_of_a_trial():
    one = _open()
    others = [
        _open(rule="cross_camera"),
        _open(probes=("a",)),
        _open(gallery=("c",)),
        _open("u"),
        trial_lib.Trial("t", ("a", "b"), ("c", "d"), paired=True),
        trial_lib.Trial("t", ("a", "b"), ("c", "d"), True, "cross_camera"),
    ]
    assert len({trial_text.sha256([trial]) for trial in [one, *others]}) == 7


def test_text_form_and_round_trip():
    text = trial_text.to_text(NAMED, "set", "draw it")
    assert text.splitlines() == [
        "# Trial list of set: 2 trials.",
        "# Drawn by: draw it",
        f"# sha256 of the lines below: {trial_text.sha256(NAMED)}",
        "trial one",
        "pair a/1 b/1",
        "pair a/3 b/3",
        "trial two",
        "pair a/2 b/2",
        "every_trial",
        "gallery b/9",
    ]
    assert trial_text.from_text(text, "here") == NAMED


def test_distractors_that_differ_are_listed_by_trial():
    named = [NAMED[0], _pairs("two", (("a/2", "b/2"),), ("b/1",))]
    text = trial_text.to_text(named, "set", "draw it")
    assert "every_trial" not in text
    assert trial_text.from_text(text, "here") == named


def test_a_changed_list_is_refused():
    text = trial_text.to_text(NAMED, "set", "draw it")
    for changed in (
        text.replace("pair a/3 b/3", "pair a/3 b/1"),
        text.replace("pair a/2 b/2\n", ""),
        text.replace("# sha256 of", "# hash of"),
        text + "gallery b/8\n",
    ):
        with pytest.raises(errors.UserError, match="here was changed"):
            trial_text.from_text(changed, "here")


@pytest.mark.parametrize(
    "lines",
    [
        "pair a b\n",  # before any trial
        "gallery a\n",
        "trial one\ntrial one\n",
        "trial one\npair a\n",
        "trial one\nevery_trial\npair a b\n",
        "trial one\npair a b\nevery_trial\ntrial two\npair a b\n",
        "trial one\npair a b\nevery_trial\nevery_trial\n",
        "every_trial\n",
        "trial\n",
        "trial  none\nprobe a\ngallery b\n",
        "trial one market\nprobe a\ngallery b\n",
        "trial one none none\nprobe a\ngallery b\n",
        "trial one\nprobe a\ngallery b\n",  # Without its rule.
        "probe a\n",
        "trial one none\nprobe \n",
        "trial one none\nprobe a\ngallery \n",
        "trial one\npair a b c\n",
        "trial one\npair a \n",
        "trial one\npair a b\nsomething else\n",
    ],
)
def test_malformed_lines_are_named(lines):
    digest = hashlib.sha256(lines.encode()).hexdigest()
    text = f"# sha256 of the lines below: {digest}\n{lines}"
    with pytest.raises(errors.UserError, match="here: unexpected line"):
        trial_text.from_text(text, "here")


@pytest.mark.parametrize(
    "lines",
    [
        "trial one\ngallery c\npair a b\n",
        "trial one none\npair a b\n",  # A pair without a rule states none.
        "trial one none\nprobe a\npair a b\n",
        "trial one\n",
        "trial one\npair a b\nevery_trial\n",
        "trial one\npair a b\ngallery c\n",  # As every trial has it.
    ],
)
def test_lists_in_another_form_are_refused(lines):
    digest = hashlib.sha256(lines.encode()).hexdigest()
    text = f"# sha256 of the lines below: {digest}\n{lines}"
    with pytest.raises(errors.UserError, match="here is not in the form"):
        trial_text.from_text(text, "here")


def test_a_list_of_nothing_is_refused():
    text = f"# sha256 of the lines below: {hashlib.sha256(b'').hexdigest()}\n"
    with pytest.raises(errors.UserError, match="here holds no trial"):
        trial_text.from_text(text, "here")


def test_trials_of_all_kinds_are_read_back():
    trials = [
        _open("u", ("x y", "ü"), ("c", "# no comment"), "cross_camera"),
        _open("v"),
        trial_lib.Trial("w", ("a",), ("b", "c d"), True, "cross_camera"),
        NAMED[0],
    ]
    text = trial_text.to_text(trials, "set", "draw it")
    assert trial_text.from_text(text, "here") == trials
    assert "trial u cross_camera\nprobe x y\nprobe ü\ngallery c\n" in text
    assert "trial w cross_camera\npair a b\ngallery c d\ntrial one\n" in text


@pytest.mark.parametrize(
    "trial",
    [
        _pairs("t", [("a b", "c")]),
        _pairs("t", [("a\nb", "c")]),
        _open("t u"),
        _open(gallery=("a\nb",)),
        _pairs("t", []),
    ],
)
def test_what_could_not_be_read_back_is_not_written(trial):
    with pytest.raises(errors.UserError, match="of set cannot be written"):
        trial_text.to_text([trial], "set", "draw it")
    with pytest.raises(errors.UserError, match="of set cannot be written"):
        trial_text.to_text([NAMED[0], NAMED[0]], "set", "draw it")  # One name twice.
