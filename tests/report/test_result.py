"""A result in hand: its one line, its few numbers, its CSV."""

import csv
import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim.errors import RackplanError
from sim.report.html import answer
from tests.conftest import run


def test_a_result_prints_as_one_line_of_key_numbers():
    made = run([(0.0, 8, 100.0), (1.0, 8, 10.0)])
    named = dataclasses.replace(made, manifest=dict(made.manifest) | {"name": "night"})
    said = repr(named)
    assert "\n" not in said
    for word in ("'night'", f"seed {made.manifest['seed']}", "complete", "2 of 2 jobs completed"):
        assert word in said
    assert f"mean wait {made.headline()['wait, mean']}" in said


def test_every_job_that_did_not_complete_is_named():
    made = run({"submit_s": [0.0, 1.0, 2.0, 3.0], "gpus": [8, 8, 64, 8],
                "work_s": [9.0, 50.0, 9.0, 9.0], "cancel_s": [1e9] * 3 + [10.0],
                "state": ["completed", "failed", "completed", "completed"]})  # fmt: skip
    told = made.headline()
    assert told["jobs completed"] == "1 of 4"
    assert told["the others"] == "1 cancelled, 1 failed, 1 can never fit"
    assert "ended 2 of 4 jobs" in answer(made).replace("\N{NO-BREAK SPACE}", " ")
    assert "the others" not in run([(0.0, 8, 100.0)]).headline()


def test_no_cell_and_no_head_of_the_csv_is_a_formula(tmp_path):
    made = run([(0.0, 8, 100.0)])
    for name, cell in (
        ("=cmd", pa.array(["=1"])),
        ("large", pa.array(["@x"], pa.large_string())),
        ("few", pa.array(["+1"]).dictionary_encode()),
        ("list", pa.array([["=1", "b"]])),
        ("plain", pa.array(["a=1"])),
        ("less", pa.array([-1])),
    ):
        made = dataclasses.replace(made, jobs=made.jobs.append_column(name, cell))
    made.to_csv(tmp_path)
    with (tmp_path / "jobs.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["'=cmd"] == "'=1"
    assert (row["large"], row["few"], row["plain"]) == ("'@x", "'+1", "a=1")
    assert row["list"] == '["=1", "b"]'
    assert row["less"] == "-1"


def test_csv_and_tables_are_never_overwritten_silently(tmp_path):
    made = run([(0.0, 8, 100.0)])
    (tmp_path / "jobs.csv").write_text("mine")
    (tmp_path / "jobs.parquet").write_text("mine")
    for keep, name in ((made.to_csv, "jobs.csv"), (made.write, "jobs.parquet")):
        with pytest.raises(RackplanError, match=f"holds {name} already"):
            keep(tmp_path)
        assert (tmp_path / name).read_text() == "mine"
        keep(tmp_path, overwrite=True)
        assert (tmp_path / name).read_bytes() != b"mine"


def test_what_hardly_repeats_is_no_dictionary(tmp_path):
    made = run({"submit_s": [0.0, 1.0], "gpus": [8, 8], "work_s": [9.0, 5.0], "tenant": ["a", "a"]})
    made.write(tmp_path)
    found = pq.ParquetFile(tmp_path / "jobs.parquet")
    group = found.metadata.row_group(0)
    kinds = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    for field in found.schema_arrow:
        rare = pa.types.is_floating(field.type) or field.name == "job_id"
        assert kinds[field.name].has_dictionary_page != rare, field.name
    assert found.read().equals(made.jobs)
