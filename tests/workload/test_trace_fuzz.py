"""Whatever a file holds, reading it ends in jobs or in a TraceError."""

from __future__ import annotations

import contextlib
import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.errors import TraceError
from sim.files import find
from sim.rng import Streams
from sim.workload import Given, Trace
from sim.workload.traces import FORMATS

OWN = (
    b"job_id,submit_s,gpus,work_s,gpu_types,state,nodes,gpus_per_node,note,eligible_s\n"
    b'1,0,4,10,h100:1|a100:.5,completed,1,4,"x, ""y""",0\n2,5,8,10.5,,failed,2,4,a,7\n'
)
SWF = gzip.decompress(find("lublin_256_first3000.swf.gz").read_bytes())[:1000]
SEEDS = [
    find("slurm_sacct.txt").read_bytes()[:5000],
    SWF,
    gzip.decompress(find("philly_2017-10-23_4_weeks.csv.gz").read_bytes())[:600],
    find("helios_shape.csv").read_bytes()[:700],
    OWN,
    gzip.compress(SWF),
]
SHARDS = [b"|", b",", b"\n", b"\r", b'"', b"-1", b"1e999", b"nan", b"inf", b"\0", b"\xff", b"_["]
SHARDS += [b"4_[1-9%2]", b"9" * 30, b"Unknown", b"2026-13-45T00:00:00", b"gres/gpu=", b"0x1F", b";"]
KNOBS = st.fixed_dictionaries(
    {
        "format": st.sampled_from(FORMATS),
        "on_error": st.sampled_from(["stop", "skip"]),
        "procs": st.sampled_from(["requested", "used"]),
        "requeues": st.sampled_from(["runs", "last"]),
        "unfinished": st.sampled_from(["estimate", "drop"]),
        "gpu_types": st.sampled_from(["any", "asked"]),
    }
)
EDITS = st.lists(
    st.tuples(
        st.integers(0, 5000), st.integers(0, 12), st.sampled_from(SHARDS) | st.binary(max_size=4)
    ),
    max_size=8,
)
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def reads_or_says_so(path, content, knobs):
    path.write_bytes(content)
    with contextlib.suppress(TraceError):
        jobs = Trace(str(path), **knobs).request(Streams(1), 8).jobs
        assert Given(jobs).request(Streams(1), 8).jobs.num_rows == jobs.num_rows


@FUZZ
@given(st.binary(max_size=300), KNOBS)
def test_random_bytes(tmp_path, content, knobs):
    reads_or_says_so(tmp_path / "a", content, knobs)


@FUZZ
@given(st.sampled_from(SEEDS), EDITS, KNOBS)
def test_real_files_with_pieces_missing_and_put_in(tmp_path, content, edits, knobs):
    for at, length, shard in edits:
        at %= len(content) + 1
        content = content[:at] + shard + content[at + length :]
    reads_or_says_so(tmp_path / "a", content, knobs)


@pytest.mark.parametrize(
    "content", [b"PAR1", b"PAR1" + b"\0" * 50 + b"PAR1", b"\x1f\x8b", b"\x1f\x8bxyz"]
)
def test_files_that_only_begin_like_something(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    for name in FORMATS:
        with pytest.raises(TraceError):
            Trace(str(tmp_path / "a"), name).request(Streams(1), 8)
