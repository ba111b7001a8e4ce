"""What a user is told of a trace that does not suit its cluster, and of names that nobody has."""

import math
import pickle
import subprocess
import sys

import pytest

from sim import Scenario, simulate
from sim.app import terminal
from sim.engine import Failures, Reservations
from sim.errors import ScenarioError, TraceError
from sim.policies.preemption import ByQos
from sim.policies.queue import GavelCost, Multifactor
from sim.policies.quota import Kueue
from sim.state import Homogeneous, Inventory, Pool, Pools
from sim.workload import BlockResample, Given, Trace


def trace(folder, text):
    path = folder / "jobs.csv"
    path.write_text(text)
    return str(path)


def notes(**choices):
    return simulate(Scenario(**choices)).manifest["notes"]


def jobs(**more):
    return Given({"submit_s": [0.0, 0.0], "gpus": [1, 1], "work_s": [3600.0, 60.0]} | more)


def test_faults_of_instances_and_of_spans_come_at_once_each_with_its_line(tmp_path):
    path = trace(tmp_path, "job_id,submit_s,gpus,work_s,span,mig_profile\n"
                 "a,9,8,100,,\nb,5,64,100,node,\nc,7,1,100,,1g.10gb\nd,1,1,100,,1g.5gb\n"
                 "e,0,17,100,rack,\nf,0,1,100,,1g.5gb\n")  # fmt: skip
    cluster = Homogeneous(nodes=4, gpus_per_node=8, gpu="a100", nodes_per_rack=2)
    with pytest.raises(ScenarioError) as caught:
        simulate(Scenario(cluster, Trace(path)))
    told = caught.value.issues
    assert [text.split(":")[0] for text in told] == ["mig_profile", "span", "span"]
    # jobs stand in order of submission, the file does not: lines are those of the file
    for text, job, line in zip(told, "fbe", (7, 3, 6), strict=True):
        assert f"'{job}' ({path}, line {line})" in text, text
    assert "and of 1 more" in told[0]
    assert "a100 has 1g.10gb" in told[0]


def test_a_copy_of_a_job_stands_where_the_job_does(tmp_path):
    path = trace(tmp_path, "job_id,submit_s,gpus,work_s\nx~y,0,1,1\nz,9,1,1\n")
    twice = Trace(path, transforms=[BlockResample(block_s=5.0)])
    for name, line in (("x~y", 2), ("x~y~1", 2), ("z~0", 3)):
        assert twice.place(name) == f"{path}, line {line}"
    assert twice.place("nobody") == ""


def test_all_bad_rows_of_a_trace_are_told(tmp_path, capsys):
    rows = "".join(f"k{i},0,-1,1,1,4\n" for i in range(20))
    path = trace(tmp_path, "job_id,submit_s,gpus,work_s,min_gpus,max_gpus\n"
                 f"a,0,4,100,8,2\nb,0,4,x,1,4\nc,0,4,1,1,4\n{rows}")  # fmt: skip
    with pytest.raises(TraceError) as caught:
        simulate(Scenario(workload=Trace(path)))
    terminal.fault(pickle.loads(pickle.dumps(caught.value)))
    told = capsys.readouterr().err.splitlines()
    assert told[0].endswith("jobs.csv, line 2: min_gpus is '8'; must not exceed max_gpus")
    assert "line 3: work_s is 'x'" in told[1]
    assert "line 5: gpus is '-1'" in told[2]
    assert told[-2].endswith(f"and {22 - (len(told) - 2)} rows more are wrong")
    assert "workload.on_error=skip" in told[-1]
    result = simulate(Scenario(workload=Trace(path, on_error="skip")))
    assert result.rejected.num_rows == 22


def test_names_that_no_job_has_are_told_of():
    aside = {"nodes": 1, "start_s": 1e6, "duration_s": 1.0, "tenants": ["bobb"]}
    told = notes(
        workload=jobs(tenant=["ann", "bob"], qos=["high", "low"]),
        queue=Multifactor(shares={"ml": {"shares": 2, "anne": 1}, "bob": 1}, qoses={"hi": 2.0}),
        preemption=ByQos(qoses={"high": {"preempts": ["lo"]}, "lo": {}}),
        processes=(Reservations([aside]),),
    )
    assert told == [
        "queue.shares: names anne, tenant of no job; did you mean 'ann'? the jobs' are ann, bob",
        "queue.qoses: names hi, QOS of no job; did you mean 'high'? the jobs' are high, low",
        "preemption.qoses: names lo, QOS of no job; did you mean 'low'? the jobs' are high, low",
        "reservations.entries[0].tenants: names bobb, tenant of no job; did you mean 'bob'? the "
        "jobs' are ann, bob",
    ]
    queues = {"x": {"gpus": 8, "tenants": [f"t{i}" for i in range(12)]}}
    told = notes(workload=jobs(), quota=Kueue(queues=queues, default="x"))
    listed = ", ".join(f"t{i}" for i in range(8))
    assert told == [
        f"quota.queues.x.tenants: names {listed} and 4 more, tenant of no job; no job has a tenant"
    ]
    right = Multifactor(shares={"ml": {"ann": 1}, "bob": 1})
    assert notes(workload=jobs(tenant=["ann", "bob"]), queue=right) == []


def test_prices_of_gpu_types_that_the_cluster_lacks_or_has_besides():
    two = Inventory((Pool("a", 1, 8, "v100"), Pool("b", 1, 8, "k80")))
    found = Scenario(two, queue=GavelCost(gpu_h_usd={"v100": 2.5, "p100": 1.0})).issues()
    assert [text.split(":")[0] for text in found] == [
        "queue.gpu_h_usd.k80", "queue.gpu_h_usd.p100"
    ]  # fmt: skip
    assert "must be its price" in found[0]
    assert "one of v100, k80" in found[1]
    assert not Scenario(two, queue=GavelCost(gpu_h_usd={"v100": 2.5, "k80": 1.0})).issues()
    assert not Scenario(two, queue=GavelCost()).issues()


def test_a_job_that_can_never_start_is_named_with_what_there_is(tmp_path):
    path = trace(tmp_path, "job_id,submit_s,gpus,work_s\na,0,9,1\nb,0,99,1\nc,1,8,1\n")
    told = notes(cluster=Homogeneous(nodes=1, gpus_per_node=8), workload=Trace(path))
    assert len(told) == 1
    assert told[0].startswith(f"cannot ever start: 2 jobs, the widest 'b' ({path}, line 3) with 99")
    assert "8 GPUs on 1 nodes" in told[0]


@pytest.mark.parametrize(("mtbf_s", "told"), [(3600.0, 0), (600.0, 1), (100.0, 2)])
def test_a_job_that_failures_never_let_through(mtbf_s, told):
    """An hour on one node takes exp(3600 s / mtbf) starts: 2.7, 403, 4e15."""
    choices = {"workload": jobs(), "processes": (Failures(mtbf_s=mtbf_s, repair_s=1.0),)}
    if told < 2:
        found = notes(cluster=Homogeneous(nodes=1), **choices)
        assert len(found) == told
        if told:
            assert "1 job '0' on 1 nodes for 1 h" in found[0]
            assert f"{math.exp(6.0):.3g} times" in found[0]
        return
    with pytest.raises(ScenarioError, match=r"'0' on 1 nodes.*horizon_s"):
        simulate(Scenario(Homogeneous(nodes=1), **choices))
    found = notes(cluster=Homogeneous(nodes=1), horizon_s=7200.0, **choices)
    assert len(found) == 1  # what ends by itself may be looked at


def test_no_solver_is_loaded_before_one_is_asked():
    """The solvers of scipy take a third of a second to load."""
    code = (
        "import sys, sim.app.main, sim.study, sim.app.build; print('scipy.optimize' in sys.modules)"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "False"


def test_a_list_where_a_mapping_stands_is_told_with_its_path(tmp_path):
    made = subprocess.run(
        [sys.executable, "-m", "sim.app.main", "quota=kueue", "quota.queues=[a]"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 2
    assert made.stderr.startswith("rackplan: quota.queues: is [a]; must be of the kind")


def test_faults_of_the_only_pool_of_a_list_are_told_where_it_stands():
    one = {"name": "a", "nodes": 1, "gpus_per_node": 8, "gpu": "h100"}
    for wrong, where in (({"nodes": 0}, "nodes"), ({"mig": "3g"}, "mig"),
                         ({"mig": ["9z"]}, "mig[0]"), ({"nodes": 10**9}, "nodes")):  # fmt: skip
        found = Scenario(Pools([one | wrong])).issues()
        assert [text.split(":")[0] for text in found] == [f"cluster.pools[0].{where}"]
        found = Scenario(Homogeneous(nodes=0)).issues()
        assert [text.split(":")[0] for text in found] == ["cluster.nodes"]


def test_pods_of_one_rack_are_no_pods():
    assert Homogeneous(nodes=8, nodes_per_rack=2, racks_per_pod=2).inventory().pools
    with pytest.raises(ScenarioError, match=r"racks_per_pod: is 2, .* or set nodes_per_rack"):
        Homogeneous(nodes=8, racks_per_pod=2).inventory()


@pytest.mark.parametrize("rack", [None, "r"])
@pytest.mark.parametrize("pod", [None, "p"])
@pytest.mark.parametrize("per_rack", [None, 0, 2])
@pytest.mark.parametrize("per_pod", [None, 0, 2])
def test_each_knob_of_racks_and_pods_is_told_of_once_and_a_remedy_helps(
    rack, pod, per_rack, per_pod
):
    given = {"rack": rack, "pod": pod, "nodes_per_rack": per_rack, "racks_per_pod": per_pod}
    found = Pool("a", 8, 8, **given).issues()
    one_rack, both = rack is not None, (pod is not None and per_pod is not None)
    may_be = 0 not in (per_rack, per_pod) and not both and (
        per_rack is None and per_pod is None if one_rack else per_rack or not per_pod)  # fmt: skip
    assert bool(may_be) == (found == [])
    told = [text.split(":")[0].removeprefix("cluster.") for text in found]
    assert len(set(told)) == len(told)
    assert all(given[name] is not None for name in told)
    for text in found:
        if "set nodes_per_rack" in text:
            assert Pool("a", 8, 8, **(given | {"nodes_per_rack": 2})).issues() == []
        if text.endswith("; must be null"):
            name = text.split(":")[0].removeprefix("cluster.")
            assert Pool("a", 8, 8, **(given | {name: None})).issues() == []
