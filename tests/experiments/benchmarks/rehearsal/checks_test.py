"""The rehearsal's checks hold for right output, and only for it."""

import json

import pytest

from experiments.benchmarks.rehearsal import checks

_STATS = """\
Table 1 of the paper, and what the archives hold

source         identities   images  found ids  found images  archive
CUHK02              1,816    7,264      1,816         7,264  complete
CUHK03              1,467   14,097      1,467        14,097  complete
DukeMTMC-reID       1,812   36,411      1,812        36,411  complete
Market-1501         1,501   29,419      1,501        29,419  complete
CUHK-SYSU          11,934   34,574     11,934        34,574  complete
sum                18,530  121,765     18,530       121,765

target  probe ids  gallery ids  probes  gallery  found probe ids  found gallery ids  found probes  found gallery  archive
VIPeR         316          316     316      316              316                316           316            316  complete
PRID          100          649     100      649              100                649           100            649  complete
GRID          125          900     125    1,025              125                900           125          1,025  complete
i-LIDS         60           60      60       60               60                 60            60             60  complete
"""  # noqa: E501 (as it is printed)


def test_table_1():
    assert set(checks.table_1(_STATS).values()) == {True}
    assert len(checks.table_1(_STATS)) == 10
    assert not any(checks.table_1("").values())


@pytest.mark.parametrize(
    ("title", "right", "wrong"),
    [
        ("sum", "121,765\n", "121,764\n"),
        ("GRID", "1,025  complete", "1,024  complete"),
        ("CUHK03", "1,467        14,097  complete", "-             -  unreadable"),
    ],
)
def test_another_figure_is_seen(title, right, wrong):
    assert right in _STATS
    found = checks.table_1(_STATS.replace(right, wrong))
    assert {name for name, same in found.items() if not same} == {title}


def test_identities():
    assert checks.prints_identities("x\nC = 18,530 identities in one label space.")
    assert not checks.prints_identities("C = 18,531 identities in one label space.")


def test_resumed_from():
    printed = "Counts\nGoing on from W/checkpoints/ckpt-1005 (step 1,005 of 2,000).\nx"
    assert checks.resumed_from(printed) == 1_005
    assert checks.resumed_from("Training dimn") is None


def test_logged_steps(tmp_path):
    (tmp_path / "log.csv").write_text("step,loss\n5,1.5\n10,1.25\n10,1.0\n")
    assert checks.logged_steps(tmp_path / "log.csv") == [5, 10, 10]


def test_same_figures(tmp_path):
    first, second, third = (tmp_path / f"{i}.json" for i in range(3))
    targets = {name: {"mAP": {"mean": 1.5}} for name in ("a", "b", "c", "d")}
    first.write_text(json.dumps({"targets": targets, "when": 1}))
    second.write_text(json.dumps({"targets": targets, "when": 2}))
    third.write_text(json.dumps({"targets": targets | {"d": {"mAP": {"mean": 2}}}}))
    assert checks.same_figures(first, second)
    assert not checks.same_figures(first, third)
    first.write_text(json.dumps({"targets": {}}))
    assert not checks.same_figures(first, first)
