"""The types of columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]
I4 = NDArray[np.int32]
"""Only the ledger is kept this narrow; all else is int64, so that each verb is compiled once."""
I2 = NDArray[np.int16]
I1 = NDArray[np.int8]
U8 = NDArray[np.uint64]
"""Hashes alone."""
B1 = NDArray[np.bool_]
Ints = NDArray[np.integer[Any]]
"""As wide as they must be: columns of 10^8 requests."""
