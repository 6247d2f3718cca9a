"""What a gallery on Milvus filters by, and that no name gets into an expression."""

import datetime
import re

import pytest

from dimn_tf.gallery import Filter, milvus_filters

NOON = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
MICROSECONDS = 1_795_953_600_000_000  # `date -d 2026-11-29T12:00Z +%s` and six zeros.
HOSTILE = [
    'door"',
    "door'",
    "door\\",
    'x"] or seen >= 0 or camera_key in ["x',
    "') or true or ('",
    "%_*",
    "a\nb\r\t\0",
    "Tür/日本/🚪",
    "$meta",
    "null",
    "",
    " ",
    "\ud800",
    "long " * 9_999,
]
FEW = r'[a-z_]+ in \["[0-9a-f]{32}"(, "[0-9a-f]{32}")*\]'


def _values(person_id=None, entry_id="e", **metadata):
    return milvus_filters.values(entry_id, person_id, metadata)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_of_a_name_there_is_only_its_hash(name):
    text = milvus_filters.expression(Filter(frozenset({name, "door"})))
    assert re.fullmatch("camera_key in " + FEW[len(r"[a-z_]+ in ") :], text)
    held = _values(camera_id=name)["camera_key"]
    assert re.fullmatch("[0-9a-f]{32}", held) and f'"{held}"' in text
    assert _values(camera_id="hall")["camera_key"] not in text


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_of_a_person_there_is_only_her_hash(name):
    text = milvus_filters.of_person(name)
    one = '"[0-9a-f]{32}"'  # Or two, where a name has two spellings.
    assert re.fullmatch(rf"person_key (== {one}|in \[{one}, {one}\])", text)
    assert _values(name)["person_key"] in text
    assert _values("anna")["person_key"] not in text


def test_names_that_differ_have_hashes_that_do():
    names = [*HOSTILE, "door", "Door", "door "]
    assert len({_values(camera_id=name)["camera_key"] for name in names}) == len(names)
    keys = [_values("anna"), _values("bo"), _values(entry_id="anna"), _values()]
    keys += [_values(entry_id="person:anna"), _values("entry:e")]
    assert len({values["person_key"] for values in keys}) == len(keys)
    assert _values("anna", "e1")["person_key"] == _values("anna", "e2")["person_key"]
    assert _values(camera_id="e")["camera_key"] != _values()["person_key"]


@pytest.mark.parametrize("camera", [None, 7, ["door"], {"door": 1}, True])
def test_what_is_no_text_is_no_camera(camera):
    assert _values(camera_id=camera)["camera_key"] == ""
    assert _values()["camera_key"] == ""


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"seen_at": "2026-11-29T12:00:00.000001+00:00"}, MICROSECONDS + 1),
        ({"seen_at": "2026-11-29T13:00:00+01:00"}, MICROSECONDS),
        ({"enrolled_at": "2026-11-29T12:00:00"}, MICROSECONDS),
        ({"seen_at": "noon", "enrolled_at": "2026-11-29T12:00:00"}, MICROSECONDS),
        ({"seen_at": "1969-12-31T23:59:59.999999"}, -1),
        ({"seen_at": "noon"}, -(2**63)),
        ({}, -(2**63)),
    ],
)
def test_times_are_whole_microseconds(metadata, expected):
    assert _values(**metadata)["seen"] == expected


@pytest.mark.parametrize(
    ("wanted", "without", "expected"),
    [
        (None, [], ""),
        (Filter(), [], ""),
        (Filter(since=NOON), [], f"seen >= {MICROSECONDS}"),
        # Who was seen at no time was not seen before one.
        (
            Filter(until=NOON),
            [],
            f"seen >= -9223372036854775807 and seen < {MICROSECONDS}",
        ),
        (
            Filter(since=NOON, until=NOON.replace(hour=13)),
            [],
            f"seen >= {MICROSECONDS} and seen < {MICROSECONDS + 3_600_000_000}",
        ),
        (
            Filter(since=NOON),
            iter(["ab", "cd"]),
            f'seen >= {MICROSECONDS} and person_key not in ["ab", "cd"]',
        ),
        (None, {"ab": 1}, 'person_key not in ["ab"]'),
    ],
)
def test_expressions(wanted, without, expected):
    assert milvus_filters.expression(wanted, without) == expected


def test_an_expression_of_all_is_joined_and_does_not_move_with_the_set():
    cameras = frozenset({"door", "hall", "yard"})
    text = milvus_filters.expression(Filter(cameras, NOON), ["ab"])
    first, second, third = text.split(" and ")
    assert re.fullmatch(FEW, first) and first.count('"') == 6
    assert (second, third) == (f"seen >= {MICROSECONDS}", 'person_key not in ["ab"]')
    hashes = re.findall("[0-9a-f]{32}", first)
    assert hashes == sorted(hashes)
