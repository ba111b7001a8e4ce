import pickle

import numpy as np
import pyarrow as pa
import pytest

from sim import table, table_served
from sim.errors import RackplanError, ScenarioError, TraceError
from sim.files import data_dir

SCHEMAS = (
    table.JOB_REQUEST,
    table.TRACE,
    table.JOBS,
    table.LEDGER,
    table.NODES,
    table.TIMELINE,
    table.REJECTED,
    table_served.REQUESTS,
    table_served.REPLICAS,
    table_served.SERVICES,
    table_served.LINKS,
    table_served.FABRIC,
)


@pytest.mark.parametrize("columns", SCHEMAS)
def test_every_column_says_its_unit_and_meaning(columns):
    schema = table.schema(columns)
    assert len(set(schema.names)) == len(schema.names)
    for field in schema:
        assert len(field.metadata[b"meaning"]) > 5
        assert field.name.endswith("_s") == (field.metadata[b"unit"] in (b"s", b"GPU s"))


def test_the_names_that_stay():
    required = [column.name for column in table.JOB_REQUEST if column.required]
    assert required == ["job_id", "submit_s", "gpus", "work_s"]
    jobs = {column.name for column in table.JOBS}
    stay = (
        "job_id submit_s start_s end_s wait_s jct_s gpus nodes state tenant gpu_type work_s "
        "walltime_s restarts lost_s"
    )
    assert jobs >= set(stay.split())


def test_the_written_schema_of_a_job_request_is_the_one_in_force():
    text = (data_dir("conf") / "traces" / "README.md").read_text()
    for column in table.JOB_REQUEST:
        needed = "required" if column.required else ""
        meaning = column.meaning.replace("|", "\\|")
        row = f"| `{column.name}` | {column.dtype} | {column.unit} | {needed} | {meaning} |"
        assert row in text


def test_nan_becomes_null_and_null_becomes_nan():
    values = {"job_id": ["a", "b"], "nodes": np.array([2.0, np.nan]), "deadline_s": [1.5, None]}
    made = table.from_numpy(table.JOB_REQUEST, values)
    assert made.schema.field("nodes").type == pa.int32()
    assert made.column("nodes").to_pylist() == [2, None]
    assert np.array_equal(table.to_numpy(made, "nodes"), [2, np.nan], equal_nan=True)
    assert table.to_numpy(made, "deadline_s", np.inf).tolist() == [1.5, np.inf]
    assert np.isnan(table.to_numpy(made, "cancel_s")).all()
    assert table.to_numpy(made, "job_id").tolist() == ["a", "b"]


def test_described_knows_its_own_columns_and_leaves_the_others():
    made = table.described(pa.table({"submit_s": [1.0], "mine": [2]}), table.JOB_REQUEST)
    assert made.schema.field("submit_s").metadata[b"unit"] == b"s"
    assert not made.schema.field("mine").metadata
    told = table.described(made, (), "whatever").schema
    assert told.field("mine").metadata == {b"unit": b"", b"meaning": b"whatever"}
    assert told.field("submit_s").metadata[b"unit"] == b"s"


def test_errors_say_where_and_survive_a_process_border():
    error = TraceError("a.csv", 7, "gpus", "x", "must be a whole number")
    assert str(error) == "a.csv, line 7: gpus is 'x'; must be a whole number"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    many = ScenarioError(["a: is 1; must be 2", "b: is 3; must be 4"])
    assert str(many).splitlines() == many.issues
    assert pickle.loads(pickle.dumps(many)).issues == many.issues
    assert issubclass(TraceError, RackplanError)
