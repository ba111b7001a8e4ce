"""SWF: each expected value is read from the log's text here, by plain splitting."""

from __future__ import annotations

import gzip

import pytest

from sim.errors import TraceError
from sim.files import find
from sim.rng import Streams
from sim.workload import Trace

LINE = "{id} {submit} {wait} {run} {used} -1 -1 {req} {limit} {mem} {status} 7 8 9 2 1 -1 -1"
FIELDS = {"wait": 0, "run": 10, "used": 4, "req": 4, "limit": 60, "mem": -1, "status": 1}


def line(id=1, submit=0, **fields):
    return LINE.format(id=id, submit=submit, **(FIELDS | fields))


def jobs_of(path, **knobs):
    return Trace(str(path), **knobs).request(Streams(1), 64)


def plain(text):
    """Return the rows of a log as floats of 18 fields, unread ones passed by."""
    rows = [row.split() for row in text.splitlines() if row.strip() and row.strip()[0] not in ";i"]
    return [[float(word) if i < 16 else 0 for i, word in enumerate(row[:18])] for row in rows]


@pytest.mark.parametrize(
    "name",
    ["hpc2n.swf", "lublin_256_first3000.swf", "cqsim/test.swf", "accasim/workload.swf"]
    + [f"alea_FIT/jaros{i}.swf" for i in (1, 2, 3)],
)
def test_every_job_of_a_log_is_as_its_line_says(truth, name):
    path = truth("groundtruth", "swf", *name.split("/"))
    rows = [row for row in plain(path.read_text()) if row[3] >= 0]
    got = jobs_of(path, shift=False).jobs.to_pylist()
    by_id = {int(job["job_id"]): job for job in got}
    assert len(got) == len(rows) == len(by_id)
    for row in rows:
        job = by_id[int(row[0])]
        assert job["submit_s"] == row[1]
        assert job["work_s"] == row[3]
        assert job["gpus"] == (row[7] if row[7] > 0 else row[4])
        assert job["walltime_s"] == (row[8] if row[8] > 0 else None)
        assert job["recorded_start_s"] == (row[1] + row[2] if row[2] >= 0 else None)
        assert job["state"] == {1: "completed", 0: "failed", 5: "cancelled"}.get(row[10])


def test_lines_without_a_run_time_are_set_aside_and_told(truth):
    path = truth("groundtruth", "swf", "hpc2n.swf")
    lines = path.read_text().splitlines()
    gone = [
        i for i, row in enumerate(lines, 1) if row.strip()[:1].isdigit() and row.split()[3] == "-1"
    ]
    aside = jobs_of(path).rejected.to_pylist()
    assert [row["line"] for row in aside] == gone
    assert {row["column"] for row in aside} == {"run time"}


def test_the_shipped_log_is_the_one_of_the_truth(truth):
    path = truth("groundtruth", "swf", "lublin_256_first3000.swf")
    assert gzip.decompress(find("lublin_256_first3000.swf.gz").read_bytes()) == path.read_bytes()


def test_procs_are_requested_or_used(trace):
    text = "\n".join([line(1, used=3, req=4), line(2, used=3, req=-1), line(3, used=-1, req=4)])
    assert trace(text, procs="requested").jobs.column("gpus").to_pylist() == [4, 3, 4]
    assert trace(text, procs="used").jobs.column("gpus").to_pylist() == [3, 3, 4]


def test_a_line_with_no_processors_is_left_out(trace):
    got = trace("\n".join([line(1), line(2, used=0, req=0), line(3, used=-1, req=-1)]))
    assert got.jobs.column("job_id").to_pylist() == ["1"]
    assert [row["line"] for row in got.rejected.to_pylist()] == [2, 3]


def test_a_cancelled_job_that_never_ran_waits_and_gives_up(trace):
    text = "\n".join([line(1), line(2, 5, wait=100, run=-1, limit=60, status=5)])
    job = trace(text).jobs.to_pylist()[1]
    assert (job["cancel_s"], job["work_s"], job["state"]) == (105, 60, "completed")
    assert any("cancelled before they ran: 1;" in note for note in trace(text).notes)
    assert trace(text, unfinished="drop").jobs.num_rows == 1


def test_parts_of_a_job_are_left_out(trace):
    got = trace("\n".join([line(1, status=1), line(2, status=2), line(3, status=3)]))
    assert got.jobs.column("job_id").to_pylist() == ["1"]
    assert got.rejected.num_rows == 2


def test_headers_memory_decimals_tabs_and_more_fields(trace):
    text = (
        "; Computer: Big\n;MaxProcs: 64\n; UnixStartTime: 1000\n\n"
        "id\tsubmit\twait\trun\n"
        + line("0007", "12.5", run="10.25", mem=2048).replace(" ", "\t")
        + "\t{n1,n2} DAG-1 3 ; no comment\n"
    )
    got = trace(text, shift=False)
    job = got.jobs.to_pylist()[0]
    assert (job["job_id"], job["submit_s"], job["work_s"]) == ("0007", 12.5, 10.25)
    assert job["mem_bytes"] == 2048 * 1024 * 4
    notes = " ".join(got.notes)
    assert "one processor" in notes
    assert "Computer Big, MaxProcs 64" in notes
    assert "1000 s after 1970" in notes


@pytest.mark.parametrize(
    ("bad", "column", "value"),
    [
        (line(2, run="ten"), "run time", "ten"),
        (line(2, submit=-5), "submit time", "-5.0"),
        (line(2, run="nan"), "run time", "nan"),
        (line(2, req="2.5"), "requested processors", "2.5"),
        ("2 3 4", "", "2 3 4"),
        (line(1, 9), "job number", "1"),
    ],
)
def test_a_bad_line_is_named(trace, bad, column, value):
    text = f"; Version: 2.2\n{line(1)}\n\n{bad}\n{line(3, 20)}\n"
    with pytest.raises(TraceError) as stop:
        trace(text, format="swf")
    assert (stop.value.line, stop.value.column, stop.value.value) == (4, column, value)
    kept = trace(text, format="swf", on_error="skip")
    assert kept.jobs.column("job_id").to_pylist() == ["1", "3"]
    assert kept.rejected.to_pylist()[0]["line"] == 4
