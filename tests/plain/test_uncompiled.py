"""Rules that few runs need, against their plain versions, without the compiler.

Compiled, each combination of them takes most of a minute to compile, and they are (`make truth`).
The kernels are the same Python code.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
FILES = sorted(p for p in TESTS.rglob("test_*.py") if "pytest.mark.rare" in p.read_text()
               and p != Path(__file__).resolve())  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_rare_rules_as_plain_python(path):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:xdist",
        "-m",
        "rare",
        str(path),
    ]
    env = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, cwd=TESTS.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
