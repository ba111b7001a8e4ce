"""Speed by class of job and type of GPU."""

import numpy as np
import pytest

from sim import Scenario, simulate
from sim.errors import ScenarioError
from sim.rng import Streams
from sim.state import Inventory, Pool
from sim.workload import Given, Synthetic, Trace
from tests.conftest import columns

TABLE = {"resnet50": {"v100": 1.0, "k80": 0.25}, "lm": {"v100": 2.0}}
JOBS = {
    "submit_s": np.zeros(4), "gpus": np.ones(4, np.int32), "work_s": np.full(4, 100.0),
    "job_class": ["resnet50", "lm", None, "resnet50"], "gpu_types": [None, None, None, "k80:0.5"],
}  # fmt: skip


def types(workload):
    return workload.request(Streams(1), 4).jobs.column("gpu_types").to_pylist()


def test_a_class_gives_its_speeds_and_a_job_keeps_its_own():
    given = Given(columns(JOBS), throughput=TABLE)
    assert types(given) == ["v100:1.0|k80:0.25", "v100:2.0", None, "k80:0.5"]


def test_jobs_last_as_their_class_says(tmp_path):
    """100 s of work take 100 / speed; who may not run on the free kind waits."""
    file = tmp_path / "speeds.csv"
    rows = [(c, g, s) for c, speeds in TABLE.items() for g, s in speeds.items()]
    file.write_text("job_class,gpu_type,speed\n" + "".join(f"{c},{g},{s}\n" for c, g, s in rows))
    jobs = {"submit_s": [0.0, 0.0, 0.0], "gpus": [1, 1, 1], "work_s": [100.0] * 3,
            "job_class": ["lm", "resnet50", "lm"]}  # fmt: skip
    jobs = {name: np.array(v) if name != "job_class" else v for name, v in jobs.items()}
    trace = tmp_path / "jobs.csv"
    head = ["job_id", *jobs]
    lines = [
        ",".join(map(str, [i, *row])) for i, row in enumerate(zip(*jobs.values(), strict=True))
    ]
    trace.write_text("\n".join([",".join(head), *lines]) + "\n")
    pools = Inventory((Pool("v", 1, 1, "v100"), Pool("k", 1, 1, "k80")))
    for workload in (
        Given(columns(jobs), throughput=str(file)),
        Trace(str(trace), throughput=str(file)),
        Trace(str(trace), throughput=TABLE),
    ):
        result = simulate(Scenario(cluster=pools, workload=workload), 1)
        assert result.jobs.column("end_s").to_pylist() == [50.0, 400.0, 100.0]
        assert (str(file) in result.manifest["inputs"]) == (workload.throughput == str(file))


def test_synthetic_jobs_have_classes_by_weight():
    """Of 4,000 jobs a share of 3/4 is of one class: within 4 standard errors."""
    drawn = Synthetic(jobs=4000, job_classes={"resnet50": 3, "lm": 1}, throughput=TABLE)
    jobs = drawn.request(Streams(1), 8).jobs
    share = np.mean([c == "resnet50" for c in jobs.column("job_class").to_pylist()])
    assert abs(share - 0.75) < 4 * np.sqrt(0.75 * 0.25 / 4000)
    known = {"resnet50": "v100:1.0|k80:0.25", "lm": "v100:2.0"}
    for job in jobs.select(["job_class", "gpu_types"]).slice(0, 50).to_pylist():
        assert job["gpu_types"] == known[job["job_class"]]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"lm": {"v100": -1.0}}, "workload.throughput.lm.v100: is -1.0; must be a number above 0"),
        ({"lm": {}}, "workload.throughput.lm: is {}"),
        ({"lm": {"v|1": 1.0}}, "must be a GPU type without"),
        ([1], r"workload.throughput: is \[1\]"),
        ("nowhere.csv", "workload.throughput: "),
    ],
)
def test_wrong_tables_are_named(table, said):
    with pytest.raises(ScenarioError, match=said):
        run_with(table)


def run_with(table):
    return simulate(Scenario(workload=Given(columns(JOBS), throughput=table)), 1)


def test_all_faults_at_once():
    bad = {"lm": {"v100": 0.0, "k80": "fast"}, "x": 3}
    with pytest.raises(ScenarioError) as caught:
        run_with(bad)
    assert len(caught.value.issues) == 3


def test_a_class_without_speeds_is_named():
    with pytest.raises(ScenarioError, match="has no class 'lm', which jobs have; it has resnet50"):
        run_with({"resnet50": {"v100": 1.0}})
