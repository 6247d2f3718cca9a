"""A JPEG's parts, one after the other, to its end mark."""

import time

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


@pytest.mark.parametrize("head", [_START, _START + _TABLE + _SCAN])
def test_a_run_of_fill_bytes_costs_no_more_than_its_length(head):
    run = (4 << 20) * b"\xff"
    begun = time.process_time()
    assert jpeg_structure.fault_of(head + run) == _CUT
    assert jpeg_structure.fault_of(head + run + b"\0") == _CUT
    assert jpeg_structure.fault_of(head + run + b"\0" + _SCAN + _END) == ""
    assert jpeg_structure.fault_of(head + run + b"\xd0" + _SCAN + _END) == ""
    assert jpeg_structure.fault_of(head + run + _SCAN + _END) == ""
    assert time.process_time() - begun < 3
