"""All faults of a configuration at once, each with its path, its value and what would be right."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from sim.app import terminal
from sim.app.asked import asked
from sim.app.build import question, scenario
from sim.errors import ScenarioError
from sim.files import data_dir
from sim.workload.services import LlmReplica

from .test_attacks import config, faults


def test_faults_of_several_groups_at_once():
    made = config(seed="x", horizon_s="2 parsecs", warmup_s=-1, nods=3)
    made["cluster"] |= {"nodes": -2, "gpu": 7, "nods": 3, "mem_bytes": "3 foos"}
    made["backfill"] |= {"depth": "abc", "reservation": "node"}
    made["workload"]["work"]["mean_s"] = "2 hh"
    made["workload"]["sizes"]["weights"] = [-1]
    made["queue"] = {"_target_": "sim.policies.queue.Fifoo"}
    with pytest.raises(ScenarioError) as caught:
        scenario(made, [])
    told = caught.value.issues
    for path, value, right in (
        ("seed", "'x'", "a whole number"),
        ("horizon_s", "'2 parsecs'", "2 h"),
        ("warmup_s", "-1", ">= 0"),
        ("nods", "", "valid are"),
        ("cluster.nodes", "-2", "a whole number >= 1"),
        ("cluster.gpu", "7", "a text"),
        ("cluster.nods", "", "did you mean 'nodes'? valid are cpus, gpu"),
        ("cluster.mem_bytes", "'3 foos'", "64 GiB"),
        ("backfill.depth", "'abc'", "a whole number or null"),
        ("backfill.reservation", "'node'", "one of nodes, counts"),
        ("workload.work.mean_s", "'2 hh'", "2 h"),
        ("workload.sizes.weights", "-1", "numbers >= 0"),
        ("queue._target_", "sim.policies.queue.Fifoo", "did you mean 'Fifo'?"),
    ):
        lines = [line for line in told if line.startswith(f"{path}: ")]
        assert len(lines) == 1, (path, told)
        assert value in lines[0], lines
        assert right in lines[0], lines
    assert len(told) == 13, told


def test_quantities_are_read_by_the_unit_in_the_knobs_name(tmp_path):
    made = config(horizon_s="1 w", warmup_s="1 d 4 h")
    made["cluster"] |= {"mem_bytes": "2 TiB"}
    made["workload"]["work"] = {
        "_target_": "sim.workload.Empirical", "values_s": ["1 h", 60, "2 min"], "path": None,
    }  # fmt: skip
    made["workload"] |= {"load": None, "rate_per_s": "120 per h", "mem_per_gpu_bytes": "64 GiB"}
    made["failures"] = {"_target_": "sim.engine.Failures", "mtbf_s": "1000 h", "repair_s": 600}
    question = scenario(made, [tmp_path])
    assert question.horizon_s == 7 * 86400
    assert question.warmup_s == 28 * 3600
    assert question.cluster.mem_bytes == 2 * 2**40
    assert list(question.workload.work.values_s) == [3600, 60, 120]
    assert question.workload.rate_per_s == 120 / 3600
    assert question.workload.mem_per_gpu_bytes == 64 * 2**30
    assert question.processes[0].mtbf_s == 3.6e6


def test_time_rules_are_read_and_their_faults_told():
    made = config(
        limits={"_target_": "sim.policies.limits.Walltime", "kill_at_walltime": True,
                "poll_s": "30 s"},
        reservations={"_target_": "sim.engine.Reservations",
                      "entries": [{"nodes": 2, "start_s": "1 d", "duration_s": "2 h"}]},
    )  # fmt: skip
    found = scenario(made, [])
    assert found.limits.rule().poll_s == 30.0
    assert found.processes[-1].entries[0]["start_s"] == 86400.0
    made["limits"] |= {"kill_wait_s": -1, "poll": 3}
    made["reservations"]["entries"] = [{"nodes": 0, "start_s": 0, "tenants": "a", "node": 1}]
    made["preemption"] = {"_target_": "sim.policies.preemption.Tail", "mode": "kill",
                          "victims": "oldest", "requeue_delay_s": -1, "recheck": -2}  # fmt: skip
    with pytest.raises(ScenarioError) as caught:
        scenario(made, [])
    told = caught.value.issues
    for path, right in (
        ("limits.kill_wait_s", "a time >= 0"),
        ("limits.poll", "did you mean 'poll_s'?"),
        ("preemption.mode", "one of requeue, cancel, suspend"),
        ("preemption.victims", "one of tail, youngest, least_lost"),
        ("preemption.requeue_delay_s", "a time >= 0"),
        ("preemption.recheck", "a whole number >= 0"),
        ("reservations.entries[0].nodes", "a whole number >= 1"),
        ("reservations.entries[0].duration_s", "a time > 0 s"),
        ("reservations.entries[0].tenants", "a list of names"),
        ("reservations.entries[0].node", "valid are nodes, start_s"),
    ):
        lines = [line for line in told if line.startswith(f"{path}: ")]
        assert len(lines) == 1, (path, told)
        assert right in lines[0], lines
    assert len(told) == 10, told


def test_quantities_in_lists_of_mappings():
    pools = [{"name": "a", "nodes": 1, "gpus_per_node": 8, "mem_bytes": "1 TiB"}]
    made = scenario(config(cluster={"_target_": "sim.state.Pools", "pools": pools}), [])
    assert made.cluster.inventory().pools[0].mem_bytes == 2**40
    pools[0] |= {"mem_bytes": "much"}
    told = faults(cluster={"_target_": "sim.state.Pools", "pools": pools})
    assert len(told) == 1
    assert told[0].startswith("cluster.pools[0].mem_bytes: is 'much'")
    pools[0] |= {"mem_bytes": 1, "nods": 3}
    told = faults(cluster={"_target_": "sim.state.Pools", "pools": pools})
    assert told[0].startswith("cluster.pools[0].nods: is not known")


@pytest.mark.parametrize(
    ("group", "given"),
    [("queue", None), ("cluster", {}), ("workload", "philly"), ("backfill", 3), ("failures", "x")],
)
def test_a_group_without_a_choice(group, given):
    assert faults(**{group: given})[0].startswith(f"{group}: is {given!r}; must be a choice")


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, True, None, "one"])
def test_a_seed_is_a_whole_number(seed):
    told = faults(seed=seed)
    assert len(told) == 1
    assert told[0].startswith(f"seed: is {seed!r}; must be")


def test_a_users_constructor_may_refuse(tmp_path):
    (tmp_path / "fussy_policy.py").write_text(
        "from sim.policies.queue import AbstractQueuePolicy\n"
        "class Fussy(AbstractQueuePolicy):\n"
        "    def __init__(self, power: float):\n"
        "        if power < 0: raise ValueError('power is below 0')\n"
        "    def key(self, jobs, now_s): return jobs.gpus\n"
    )
    target = {"_target_": "fussy_policy.Fussy"}
    told = faults([tmp_path], queue=target | {"power": -1})
    assert told == ["queue: Fussy cannot be made of these (ValueError: power is below 0)"]
    assert "queue.power: is missing" in faults([tmp_path], queue=target)[0]
    assert "queue.power: is 'x'" in faults([tmp_path], queue=target | {"power": "x"})[0]
    scenario(config(queue=target | {"power": 2}), [tmp_path])


def test_words_of_the_command_line_are_told_at_once(tmp_path):
    words, left_out = asked(["queue=nope", "backfill=eazy", "queue.refresh_s=3", "cluster.nods=4",
                             "seed=3", "hydra.run.dir=x", "placement=pack", "-m"])  # fmt: skip
    assert words == ["++cluster.nods=4", "++seed=3", "hydra.run.dir=x", "placement=pack", "-m"]
    assert left_out[0].startswith("queue: 'nope' is no choice; valid are allox, drf, edf, fifo")
    assert "did you mean 'easy'?" in left_out[1]
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "mine.yaml").touch()
    for flag in (["--config-dir", str(tmp_path)], [f"--config-dir={tmp_path}"]):
        assert asked([*flag, "queue=fifo,mine"]) == (["queue=fifo,mine", *flag], [])


def test_a_nested_choice_takes_the_place_of_the_old_one():
    """Whether the knob holds another choice or none."""
    for knob in ("workload.work", "workload.elastic", "workload.deadline"):
        words, faults = asked([f"{knob}={{_target_: sim.workload.Fixed, mean_s: 1 h}}"])
        assert not faults
        with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
            made = OmegaConf.to_container(compose("config", words))
        assert made["workload"][knob.split(".")[1]] == {
            "_target_": "sim.workload.Fixed", "mean_s": "1 h"
        }  # fmt: skip


def asks(*words, folders=()):
    made, left_out = asked(words)
    assert left_out == []
    with initialize_config_dir(str(data_dir("conf")), version_base="1.3"):
        return question(compose("config", made), folders, made)


@pytest.mark.parametrize(
    ("words", "knobs", "more"),
    [
        (("experiment=serving", "services=llm_pools"), ["services.max_replicas"], "such as"),
        (("experiment=mixed", "workload=philly"),
         ["workload.load", "workload.jobs", "workload.duration_s"], "say services=llm"),
        (("experiment=mixed", "cluster=pools"), ["cluster.nodes"], "say services=llm"),
    ],
)  # fmt: skip
def test_a_knob_that_an_experiment_set_for_another_choice_is_told_as_the_experiments(
    words, knobs, more
):
    with pytest.raises(ScenarioError) as caught:
        asks(*words)
    (told,) = caught.value.issues
    experiment, choice = words[0].split("=")[1], words[1]
    assert told.startswith(f"experiment: {experiment} sets {', '.join(knobs)}, which {choice} ")
    assert more in told
    if "such as " in told:  # a remedy that helps
        asks(f"experiment={told.split('such as ')[1].split(',')[0]}", choice)
    asks(choice, *told.partition(" and say ")[2].split())
    with pytest.raises(ScenarioError) as caught:  # what the user says is the user's
        asks(*words, f"{knobs[0]}=3")
    assert any(text.startswith(f"{knobs[0]}: is not known") for text in caught.value.issues)


def test_null_of_the_class_that_was_there_is_not_of_the_one_put_in_its_place():
    one = "services.replica._target_=sim.workload.services.LlmReplica"
    made, _ = asks("services=llm", one)
    assert made.services.replica.kv_tokens == LlmReplica().kv_tokens
    with pytest.raises(ScenarioError, match="kv_tokens: is None; must be a whole number"):
        asks("services=llm", one, "services.replica.kv_tokens=null")


def test_a_notebook_is_looked_at(monkeypatch):
    with terminal.progress() as show:
        assert show is None  # nobody looks on here
    monkeypatch.setattr(terminal, "in_notebook", lambda: True)
    with terminal.progress() as show:
        assert show is not None


def test_faults_of_elastic_jobs_are_told_with_the_others():
    falling = {"_target_": "sim.policies.elastic.Measured", "gpus": [1, 2], "speeds": [2, 1]}
    bad = {"_target_": "sim.policies.elastic.Goodput", "cost_s": "2 parsecs", "speedup": falling}
    told = faults(elastic=bad, horizon_s=-1)
    for path in ("horizon_s", "elastic.cost_s", "elastic.speedup.speeds: is [2, 1]"):
        assert any(text.startswith(path) for text in told), (path, told)
    told = faults(elastic=bad | {"cost_s": -2, "fairness": 3.0, "speedup": {"_target_": "a.B"}})
    assert [text.split(":")[0] for text in told] == [
        "elastic.speedup._target_", "elastic.fairness", "elastic.cost_s"
    ]  # fmt: skip


def test_a_reservation_of_more_nodes_than_there_are():
    made = config()
    made["cluster"]["nodes"] = 16
    entry = {"nodes": 99, "start_s": "5 d", "duration_s": "4 h"}
    made["reservations"] = {"_target_": "sim.engine.Reservations", "entries": [entry]}
    with pytest.raises(ScenarioError) as caught:
        scenario(made, [])
    assert caught.value.issues == [
        "reservations.entries[0].nodes: is 99; must be at most 16, the nodes of the cluster"
    ]
