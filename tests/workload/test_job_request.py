"""job_request files: CSV and Parquet."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import TraceError
from sim.rng import Streams
from sim.workload import Given, Trace


def jobs_of(workload):
    return workload.request(Streams(1), 64)


HEAD = "job_id,submit_s,gpus,work_s,note\n"


def test_a_csv_and_a_parquet_of_the_same_jobs_are_the_same_jobs(tmp_path):
    columns = {
        "job_id": [str(i) for i in range(50)],
        "submit_s": [float(i * i) for i in range(50)],
        "gpus": [1 + i % 9 for i in range(50)],
        "work_s": [0.1 * i for i in range(50)],
        "tenant": ["a,b", 'c "d"', None, "ö", "null"] * 10,
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    (tmp_path / "a.csv").write_text(text.getvalue(), "utf-8")
    one = jobs_of(Trace(str(tmp_path / "a.parquet")))
    other = jobs_of(Trace(str(tmp_path / "a.csv")))
    assert one.jobs.equals(other.jobs)
    assert one.jobs.equals(jobs_of(Given(columns)).jobs)
    assert list(one.inputs) == [str(tmp_path / "a.parquet")]


def test_gzip_semicolons_blank_lines_and_a_byte_order_mark(trace):
    text = "\ufeff# made by hand\n\njob_id; submit_s ;gpus;work_s\n1;0;2;3\n\n2;1;4;5\n"
    got = trace(text, packed=True)
    assert got.jobs.column("gpus").to_pylist() == [2, 4]
    assert got.rejected is None


def test_a_recorded_instant_that_is_none_is_named_and_others_are_shifted(trace):
    head = "job_id,submit_s,gpus,work_s,recorded_start_s\n"
    with pytest.raises(TraceError) as stop:
        trace(f"{head}1,5,1,1,7\n2,6,1,1,abc\n")
    fault = stop.value
    assert (fault.line, fault.column, fault.value) == (3, "recorded_start_s", "abc")
    got = trace(f"{head}1,5,1,1,7\n2,6,1,1,\n")
    assert got.jobs.column("recorded_start_s").to_pylist() == [2, None]


def test_unknown_columns_of_a_csv_stay_text_to_the_letter(trace):
    got = trace(HEAD + "1,0,1,1,01.50\n2,0,1,1,\n")
    assert got.jobs.column("note").to_pylist() == ["01.50", None]


BAD = HEAD + '1,0,1,1,"two\nlines"\n\n2,5,many,1,x\n3,6,1,1\n4,7,1,-1,y\n5,8,1,1,z\n'


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_bad_row_is_named_by_its_line_whatever_stands_before(trace, ends):
    text = BAD.replace("\n", ends)
    with pytest.raises(TraceError) as stop:
        trace(text)
    fault = stop.value
    assert (fault.line, fault.column, fault.value) == (5, "gpus", "many")
    got = trace(text, on_error="skip")
    assert [row["line"] for row in got.rejected.to_pylist()] == [5, 6, 7]
    assert got.jobs.column("job_id").to_pylist() == ["1", "5"]
    assert text.splitlines()[5].startswith(got.rejected.to_pylist()[1]["value"])


def test_a_rule_broken_in_a_csv_that_reads_well_is_named_by_its_line(trace):
    with pytest.raises(TraceError) as stop:
        trace(HEAD + '1,0,1,1,"a\n\nb"\n\n2,5,-3,1,x\n')
    assert (stop.value.line, stop.value.value) == (6, "-3.0")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "begins as no format"),
        ("\n\n", "begins as no format"),
        ("hello world\n1 2 3\n", "begins as no format"),
        ("job_id,submit_s,gpus\n1,2,3\n", "lacks the required work_s"),
        ("job_id,submit_s,gpus,work_s,gpus\n1,2,3,4,5\n", "stand once"),
        (HEAD, "no job"),
    ],
)
def test_a_file_that_holds_no_jobs_says_so(trace, text, match):
    with pytest.raises(TraceError, match=match):
        trace(text)


@settings(deadline=None, max_examples=50)
@given(st.permutations(list(range(12))))
def test_the_order_of_lines_does_not_matter(tmp_path_factory, order):
    folder = tmp_path_factory.mktemp("order")
    lines = [f"{i},{i // 4},{1 + i % 3},{10 * i}" for i in range(12)]
    head = "job_id,submit_s,gpus,work_s"
    for name, rows in (("a", lines), ("b", [lines[i] for i in order])):
        (folder / name).write_text("\n".join([head, *rows]))
    one, other = (jobs_of(Trace(str(folder / name))) for name in "ab")
    assert one.jobs.equals(other.jobs)


def test_parquet_types_other_than_ours_are_taken_where_they_fit(tmp_path):
    columns = {
        "job_id": pa.array([1, 2], pa.int32()),
        "submit_s": pa.array([0, 5], pa.uint16()),
        "gpus": pa.array([1, 2], pa.int8()),
        "work_s": pa.array([1, 2], pa.float32()),
        "tenant": pa.array(["a", "b"]).dictionary_encode(),
        "tags": pa.array([["x"], []], pa.list_(pa.string())),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    jobs = jobs_of(Trace(str(tmp_path / "a.parquet"))).jobs
    assert jobs.schema.field("gpus").type == pa.int32()
    assert jobs.column("tenant").to_pylist() == ["a", "b"]
    assert jobs.column("tags").to_pylist() == [["x"], []]


def test_a_time_column_in_parquet_is_no_number_of_seconds(tmp_path):
    when = pa.array(np.array(["2026-01-01"], "datetime64[s]"))
    table = pa.table({"job_id": ["a"], "submit_s": when, "gpus": [1], "work_s": [1.0]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(TraceError) as stop:
        jobs_of(Trace(str(tmp_path / "a.parquet")))
    assert (stop.value.line, stop.value.column) == (1, "submit_s")


@pytest.mark.parametrize("shared", [["x" * 100_000], [["x" * 100_000]]])
def test_what_a_parquet_unpacks_to_is_bounded_before_it_is(tmp_path, monkeypatch, shared):
    rows = 500
    columns = {
        "job_id": list(range(rows)),
        "submit_s": [0.0] * rows,
        "gpus": [1] * rows,
        "work_s": [1.0] * rows,
    } | {"note": shared * rows}
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path, data_page_size=2**30, dictionary_pagesize_limit=2**20)
    assert path.stat().st_size < 200_000
    assert jobs_of(Trace(str(path))).jobs.num_rows == rows
    monkeypatch.setattr("sim.workload.traces.table.MOST_BYTES", 40_000_000)
    with pytest.raises(TraceError, match="more than 40,000,000 bytes"):
        jobs_of(Trace(str(path)))


def test_too_little_memory_is_a_fault_of_the_trace(trace, monkeypatch):
    def full(*_):
        raise pa.ArrowMemoryError("malloc")

    monkeypatch.setattr("sim.workload.trace.checked", full)
    with pytest.raises(TraceError, match="more memory"):
        trace(HEAD + "1,0,1,1,x\n")


def test_a_field_without_end_is_refused(trace):
    text = HEAD + "1,0,1,1," + "y" * 17_000_000 + "\n"
    with pytest.raises(TraceError, match="a line of more than"):
        trace(text, packed=True)
