"""Philly and Helios: rows read a second time here by the csv module."""

from __future__ import annotations

import collections
import csv
import datetime as dt
import gzip
import random

import numpy as np
import pytest

from sim.errors import TraceError
from sim.files import find
from sim.rng import Streams
from sim.table import to_numpy
from sim.workload import Trace, offered_load

SLICE = "philly_2017-10-23_4_weeks.csv.gz"


def jobs_of(path, **knobs):
    return Trace(str(path), **knobs).request(Streams(1), 512)


def seconds(word):
    return dt.datetime.fromisoformat(word + "+00:00").timestamp()


def multiset(rows):
    return collections.Counter(
        (seconds(r["timestamp"]), float(r["duration"]), int(r["num_gpus"]), r["cluster"])
        for r in rows
    )


def test_philly_has_every_row_and_nothing_else(truth):
    path = truth("traces", "philly", "philly_sia_82247jobs.csv")
    jobs = jobs_of(path, shift=False).jobs
    with path.open() as file:
        expect = multiset(csv.DictReader(file))
    columns = (jobs.column(name).to_pylist() for name in ("submit_s", "work_s", "gpus", "tenant"))
    assert collections.Counter(zip(*columns, strict=True)) == expect
    submit = to_numpy(jobs, "submit_s")
    assert (np.diff(submit) >= 0).all()
    assert jobs.column("job_id").to_pylist() == [str(i) for i in range(len(submit))]


def test_the_shipped_slice_is_four_weeks_of_the_source(truth):
    source = truth("traces", "philly", "philly_sia_82247jobs.csv").read_text().splitlines()
    cut = [row for row in source[1:] if "2017-10-23" <= row[:10] < "2017-11-20"]
    assert gzip.decompress(find(SLICE).read_bytes()).decode().splitlines() == [source[0], *cut]


def test_the_shipped_slice_loads_512_gpus_and_does_not_drown_them():
    jobs = jobs_of(SLICE).jobs
    assert jobs.num_rows == 23_813
    assert 0.85 < offered_load(jobs, 512) < 0.95
    assert find(SLICE).stat().st_size < 700_000


def test_the_order_of_philly_rows_does_not_matter(trace):
    head, *rows = gzip.decompress(find(SLICE).read_bytes()).decode().splitlines()[:3000]
    one = trace("\n".join([head, *rows]))
    random.Random(1).shuffle(rows)
    assert trace("\n".join([head, *rows])).jobs.equals(one.jobs)


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        ("yesterday,1.0,1,1.0,a", "timestamp", "yesterday"),
        ("2017-02-31 00:00:00,1.0,1,1.0,a", "timestamp", "2017-02-31 00:00:00"),
        ("2017-10-09 07:01:55,-1.0,1,1.0,a", "duration", "-1.0"),
        ("2017-10-09 07:01:55,1.0,1.5,1.0,a", "num_gpus", "1.5"),
        (",1.0,1,1.0,a", "timestamp", ""),
    ],
)
def test_a_bad_row_is_named_as_the_file_names_it(trace, row, column, value):
    good = "2017-10-09 07:01:55,66.0,1,66.0,11cb48"
    text = f"timestamp,duration,num_gpus,gpu_time,cluster\n{good}\n{row}\n"
    with pytest.raises(TraceError) as stop:
        trace(text)
    assert (stop.value.line, stop.value.column, stop.value.value) == (3, column, value)
    kept = trace(text, on_error="skip")
    assert kept.jobs.num_rows == 1
    assert kept.rejected.column("line").to_pylist() == [3]


HELIOS = (
    "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue"
)


def test_helios_rows_are_as_they_stand(trace):
    with find("helios_shape.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["start_time"] != "None"]
    got = {j["job_id"]: j for j in jobs_of("helios_shape.csv", shift=False).jobs.to_pylist()}
    assert len(got) == len(rows)
    for fields in rows:
        job = got[fields["job_id"]]
        assert job["submit_s"] == seconds(fields["submit_time"])
        assert job["recorded_start_s"] - job["submit_s"] == float(fields["queue"])
        assert job["work_s"] == float(fields["duration"])
        assert (job["gpus"], job["cpus"]) == (int(fields["gpu_num"]), float(fields["cpu_num"]))
        assert (job["tenant"], job["user"]) == (fields["vc"], fields["user"])
        assert job["state"] == fields["state"].lower()
        assert job["node_num"] == fields["node_num"]


def test_helios_without_a_duration_takes_it_from_start_and_end(trace):
    row = "7,u,v,8,32,1,COMPLETED,2020-04-01 00:00:00,2020-04-01 00:01:00,2020-04-01 00:03:30,,60"
    never = "8,u,v,8,32,1,CANCELLED,2020-04-01 00:00:00,None,2020-04-01 00:03:30,0,0"
    got = trace("\n".join([HELIOS, row, never]))
    assert [(j["job_id"], j["work_s"]) for j in got.jobs.to_pylist()] == [("7", 150)]
    assert [(r["line"], r["reason"]) for r in got.rejected.to_pylist()] == [
        (3, "left out: never started")
    ]


def test_helios_lines_stay_right_below_a_row_left_out(trace):
    never = "8,u,v,8,32,1,CANCELLED,2020-04-01 00:00:00,None,None,0,0"
    bad = "9,u,v,-8,32,1,COMPLETED,2020-04-01 00:00:00,2020-04-01 00:01:00,None,5,0"
    with pytest.raises(TraceError) as stop:
        trace("\n".join([HELIOS, never, bad]))
    assert (stop.value.line, stop.value.column) == (3, "gpu_num")
