"""A JPEG's parts, one after the other, to its end mark."""

import pytest

from dimn_tf import jpeg_structure

_START, _END = b"\xff\xd8", b"\xff\xd9"
_TABLE = b"\xff\xdb\0\x04ab"
_SCAN = b"\xff\xda\0\x03x" + b"pixels\xff\0more\xff\xd0again\xff\xd7"
_CUT = "cut off: its end (EOI) is missing"


@pytest.mark.parametrize(
    "encoded",
    [
        _START + _TABLE + _SCAN + _END,
        _START + _SCAN + _END + b"after its end",
        _START + b"\xff\x01" + _TABLE + _SCAN + _END,  # A mark without content.
        _START + _TABLE + b"\xff\xff\xff\xda\0\x02" + _END,  # Marks may be filled up.
        _START + _SCAN + _TABLE + _SCAN + _END,
        _START + 100 * _SCAN + _END,
        _START + b"\xff\xfe\0\x04\xff\xd9" + _SCAN + _END,  # An end in a comment.
    ],
)
def test_whole_files(encoded):
    assert jpeg_structure.fault_of(encoded) == ""


@pytest.mark.parametrize(
    ("encoded", "fault"),
    [
        (b"", _CUT),
        (_START + _TABLE + _SCAN, _CUT),
        (_START + _TABLE + _SCAN + b"\xff", _CUT),
        (_START + _TABLE, _CUT),  # Its last part is whole.
        (_START + _TABLE[:-1], "cut off or damaged within its part FFDB"),
        (_START + b"\xff\xdb\0\x01" + _SCAN + _END, "damaged within its part FFDB"),
        (_START + b"\xff\xdb\0\0" + _SCAN + _END, "damaged within its part FFDB"),
        (_START + _SCAN + b"\xff\xc4\xff\xff" + _END, "within its part FFC4"),
        (_START + _END, "damaged: it holds no pixels (SOS)"),
        (_START + 101 * _SCAN + _END, "it has more than 100 scans (SOS)"),
        (_START + _TABLE + _END, "damaged: it holds no pixels (SOS)"),
    ],
)
def test_faults_are_told(encoded, fault):
    assert fault in jpeg_structure.fault_of(encoded)
