"""Words for these tests: where the truth lies, a trace from text."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.rng import Streams
from sim.workload import Request, Trace


@pytest.fixture
def truth() -> Callable[..., Path]:
    """Give a file of the truth that lies beside the checkout, or skip the test."""

    def find(*parts: str) -> Path:
        path = Path(__file__).resolve().parents[2].parent.joinpath("shared", *parts)
        if not path.exists():
            pytest.skip(f"no truth here: {'/'.join(parts)}")
        return path

    return find


@pytest.fixture
def trace(tmp_path: Path) -> Callable[..., Request]:
    """Read a text (or bytes) as a trace."""

    def read(text: str | bytes, packed: bool = False, **knobs: Any) -> Request:
        path = tmp_path / "trace.txt"
        content = text.encode() if isinstance(text, str) else text
        path.write_bytes(gzip.compress(content) if packed else content)
        return Trace(str(path), **knobs).request(Streams(1), 64)

    return read
