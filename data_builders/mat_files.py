"""What reading MATLAB files shares."""

import zlib

import scipy.io.matlab

# What `scipy.io.loadmat`, and taking apart what it returns, raise on files that are
# truncated or laid out otherwise; scipy documents no closed list.
READ_FAULTS = (
    scipy.io.matlab.MatReadError,
    zlib.error,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,  # MATLAB v7.3 where an older version is expected
    OSError,
    TypeError,
    ValueError,
)
