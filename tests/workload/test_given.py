"""The rules of a job_request, on tables in memory."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import Scenario, simulate
from sim.errors import TraceError
from sim.policies.elastic import EqualShares, NoElastic
from sim.rng import Streams
from sim.state import Homogeneous
from sim.table import JOB_REQUEST, TRACE
from sim.workload import Given


def jobs_of(workload):
    return workload.request(Streams(1), 64)


GOOD = {"job_id": ["a", "b", "c"], "submit_s": [0.0, 1, 2], "gpus": [1, 8, 16], "work_s": [5, 6, 7]}


def request(on_error="stop", **columns):
    return jobs_of(Given(GOOD | columns, on_error))


@pytest.mark.parametrize(
    ("column", "values", "row"),
    [
        ("gpus", [1, -1, 2], 2),
        ("gpus", [1, 2, 2.5], 3),
        ("gpus", ["1", "two", "3"], 2),
        ("gpus", [1, 2, 10**9], 3),
        ("gpus", [1, None, 2], 2),
        ("gpus", [[1], [2], [3]], 1),
        ("submit_s", [0, float("nan"), 2], 2),
        ("submit_s", [0, 1, float("inf")], 3),
        ("submit_s", [0, -1, 2], 2),
        ("submit_s", [1.6e12, 0, 0], 1),
        ("submit_s", ["2026-01-01", "0", "0"], 1),
        ("work_s", [-5, 6, 7], 1),
        ("work_s", [1e11, 6, 7], 1),
        ("walltime_s", [5, None, -1], 3),
        ("nodes", [1, 0, 1], 2),
        ("gpu_milli", [1000, 1001, 1], 2),
        ("cpus", [1, 2, -0.5], 3),
        ("mem_bytes", [2.0**61, 0, 0], 1),
        ("priority", [0, float("inf"), 1], 2),
        ("job_id", ["a", "b", "a"], 3),
        ("job_id", [7, 8, 7], 3),
        ("job_id", ["a", "", "c"], 2),
        ("job_id", ["a", None, "c"], 2),
        ("state", ["completed", "done", None], 2),
        ("gpu_types", ["h100", "h100:0", ""], 2),
        ("gpu_types", ["h100|h100:2", "a", "b"], 1),
        ("gpu_types", ["a", "b", "c:fast"], 3),
        ("gpu_types", ["a", "b||c", "d"], 2),
        ("deadline_s", [5, 0.5, None], 2),
        ("cancel_s", [0, None, 1.5], 3),
        ("recorded_start_s", ["1", "abc", "2"], 2),
        ("recorded_end_s", [None, 1, 1e12], 3),
    ],
)
def test_a_bad_row_is_named_or_set_aside(column, values, row):
    with pytest.raises(TraceError) as stop:
        request(**{column: values})
    assert (stop.value.line, stop.value.column) == (row, column)
    assert "must" in stop.value.remedy or "stands twice" in stop.value.remedy
    kept = request("skip", **{column: values})
    aside = kept.rejected.to_pylist()
    assert row in [r["line"] for r in aside]
    assert kept.jobs.num_rows == 3 - len(aside)
    assert all(r["column"] == column and r["reason"] for r in aside)


def test_the_earliest_line_is_the_one_that_stops():
    with pytest.raises(TraceError) as stop:
        request(work_s=[1, 2, -1], gpus=[1, -1, 1])
    assert (stop.value.line, stop.value.column, stop.value.value) == (2, "gpus", "-1")


def test_missing_columns_are_named_with_those_that_are_there():
    with pytest.raises(TraceError, match=r"lacks the required gpus, work_s.*has: job_id, submit_s"):
        jobs_of(Given({"submit_s": [1.0]}))


def test_shape_and_range_must_agree_with_the_size():
    good = request(nodes=[1, 2, 2], gpus_per_node=[1, 4, 8])
    assert good.jobs.column("nodes").to_pylist() == [1, 2, 2]
    with pytest.raises(TraceError, match="rounded up"):
        request(nodes=[1, 3, 2], gpus_per_node=[1, 4, 8])
    with pytest.raises(TraceError, match="max_gpus"):
        request(min_gpus=[1, 8, 17], max_gpus=[1, 8, 16])


def test_an_early_eligible_instant_is_raised_and_told():
    got = request(eligible_s=[None, 0.0, 9.0])
    assert got.jobs.column("eligible_s").to_pylist() == [None, 1.0, 9.0]
    assert any("eligible" in note for note in got.notes)


def test_unknown_columns_are_kept_as_they_are_and_told():
    got = request(colour=["red", None, "blue"], depth=[1, 2, 3])
    assert got.jobs.column("colour").to_pylist() == ["red", None, "blue"]
    assert got.jobs.schema.field("depth").type == pa.int64()
    assert "unknown columns kept: colour, depth" in got.notes


def test_numbers_may_come_as_text_and_names_as_numbers():
    got = request(gpus=["1", " 8 ", "+16"], work_s=["5", "6e0", ".7"], job_id=[10, 9, 8])
    assert got.jobs.column("gpus").to_pylist() == [1, 8, 16]
    assert got.jobs.column("work_s").to_pylist() == [5, 6, 0.7]
    assert got.jobs.column("job_id").to_pylist() == ["10", "9", "8"]


def test_names_are_kept_as_text_to_the_letter():
    names = ["007", "7", "1e3"]
    got = jobs_of(
        Given({"job_id": names, "submit_s": [0, 0, 0], "gpus": [1] * 3, "work_s": [1] * 3})
    )
    assert sorted(got.jobs.column("job_id").to_pylist()) == sorted(names)


def test_known_columns_carry_unit_and_meaning():
    schema = request(cpus=[1, 2, 3]).jobs.schema
    for column in JOB_REQUEST:
        if column.name in schema.names:
            assert schema.field(column.name).metadata[b"unit"].decode() == column.unit


def test_columns_that_are_no_job_request_say_what_they_are_too():
    schema = request(
        job_name=["a", "b", "c"], recorded_end_s=["1", "2.5", None], depth=[1, 2, 3]
    ).jobs.schema
    about = {
        f.name: (f.metadata[b"unit"].decode(), f.metadata[b"meaning"].decode()) for f in schema
    }
    assert about["depth"] == ("", "from the trace, as it is")
    assert about["job_name"] == ("", "what its user called it")
    assert about["recorded_end_s"][0] == "s"
    assert schema.field("recorded_end_s").type == pa.float64()


def test_sizes_that_are_not_acted_on_are_kept_and_told():
    got = request(min_gpus=[1, 4, None], max_gpus=[1, 8, 16])
    assert got.jobs.column("min_gpus").to_pylist() == [1, 4, None]

    def notes(elastic, **columns):
        scenario = Scenario(Homogeneous(2), Given(GOOD | columns), elastic=elastic)
        return [note for note in simulate(scenario).manifest["notes"] if "acted" in note]

    sizes = {"min_gpus": [1, 4, None], "max_gpus": [1, 8, 16]}
    assert notes(NoElastic(), **sizes)[0].startswith("min_gpus, max_gpus kept, not acted on")
    assert not notes(NoElastic())
    assert not notes(EqualShares(), **sizes)
    assert simulate(Scenario(Homogeneous(2), Given(GOOD), elastic=EqualShares())).manifest[
        "notes"
    ] == ["no job says min_gpus or max_gpus: elastic resizes nobody; see workload.elastic"]
    assert notes(EqualShares(), nodes=[1, 1, 2], **sizes) == [
        "nodes, gpus_per_node not acted on: 1 elastic jobs have no shape"
    ]


def test_shift_moves_every_instant_and_keeps_where_it_was():
    columns = GOOD | {"submit_s": [100.0, 150, 130], "deadline_s": [200.0, None, 140]}
    got = jobs_of(Given(columns, shift=True)).jobs
    assert got.column("submit_s").to_pylist() == [0, 30, 50]
    assert got.column("deadline_s").to_pylist() == [100, 40, None]
    assert float(got.schema.metadata[b"origin_s"]) == 100


@pytest.mark.parametrize(
    "ids",
    [
        ["3", "20", "100"],
        ["3", "100", "x20"],
        ["7_1", "7_2", "7_10", "7_11", "9", "10", "10_1"],
        ["7~2", "7~10", "10~1"],
        ["job2b", "job10a", "job10b"],
        ["6", "007", "7", "07_1", "7_2", "1" * 30, "2" * 30, "1" + "0" * 30],
    ],
)
def test_ties_go_by_the_numbers_within_the_names(ids):
    many = len(ids)
    for given_ids in (ids[::-1], ids, ids[1::2] + ids[::2]):
        columns = {"submit_s": [5] * many, "gpus": [1] * many, "work_s": [1] * many}
        got = jobs_of(Given({"job_id": given_ids, **columns}))
        assert got.jobs.column("job_id").to_pylist() == ids


rows = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 30).map(str), st.text("ab1", min_size=1, max_size=3)),
        st.integers(0, 4).map(float),
        st.integers(0, 16),
        st.floats(0, 1e6),
        st.none() | st.floats(0, 1e6),
    ),
    max_size=12,
    unique_by=lambda row: row[0],
)


@settings(deadline=None)
@given(rows, st.randoms())
def test_the_order_of_rows_does_not_matter(jobs, random):
    names = ("job_id", "submit_s", "gpus", "work_s", "walltime_s")
    kinds = (pa.string(), pa.float64(), pa.int64(), pa.float64(), pa.float64())

    def table(of):
        return pa.table(
            [pa.array([row[i] for row in of], kinds[i]) for i in range(5)], names=list(names)
        )

    mixed = random.sample(jobs, len(jobs))
    one, other = jobs_of(Given(table(jobs))), jobs_of(Given(table(mixed)))
    assert one.jobs.equals(other.jobs, check_metadata=True)
    submit = one.jobs.column("submit_s").to_pylist()
    assert submit == sorted(submit)


def test_a_run_hands_the_columns_of_a_trace_on_with_their_meaning(tmp_path):
    columns = GOOD | {"start_s": [7, 8, 9], "depth": [1, 2, 3], "max_gpus": [1, 8, None]}
    columns |= {"recorded_start_s": [0.5, None, 3]}
    folder = simulate(Scenario(workload=Given(columns))).write(tmp_path / "run")
    written = pq.read_table(folder / "jobs.parquet")
    told = {f.name: (f.metadata[b"unit"], f.metadata[b"meaning"]) for f in written.schema}
    for name in ("trace_start_s", "depth"):
        assert told[name] == (b"", b"from the trace, as it is")
    assert told["recorded_start_s"] == (b"s", TRACE[0].meaning.encode())
    assert written.column("trace_start_s").to_pylist() == [7, 8, 9]
    assert written.column("max_gpus").to_pylist() == [1, 8, None]
