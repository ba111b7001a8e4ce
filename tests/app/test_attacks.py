"""What a configuration may name: the project's own classes and the user's, nothing else."""

import os
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from sim.app.build import references, scenario
from sim.errors import ScenarioError
from sim.files import data_dir

CONF = data_dir("conf")
CHOICES = {
    "cluster": "homogeneous",
    "workload": "synthetic",
    "queue": "fifo",
    "backfill": "easy",
    "placement": "pack",
}


def config(**changes):
    """Return the default configuration, with groups replaced."""
    made = {g: OmegaConf.to_container(OmegaConf.load(CONF / g / f"{c}.yaml")) for g, c in
            CHOICES.items()}  # fmt: skip
    made |= {"seed": 1, "horizon_s": None, "warmup_s": 0, "name": "", "question": ""}
    made |= {"overwrite": False, "report": True, "failures": {}}
    return made | changes


def faults(folders=(), **changes):
    with pytest.raises(ScenarioError) as caught:
        scenario(config(**changes), list(folders))
    return caught.value.issues


@pytest.fixture
def alarm(monkeypatch):
    """Fail if anything that an attack would call is called."""

    def called(*args, **kwargs):
        raise AssertionError(f"called with {args} {kwargs}")

    monkeypatch.setattr(os, "system", called)
    monkeypatch.setattr(subprocess, "Popen", called)


@pytest.mark.parametrize(
    "target",
    [
        "os.system", "posix.system", "builtins.eval", "builtins.exec", "subprocess.Popen",
        "importlib.import_module", "pathlib.Path", "pickle.loads", "numpy.load", "sys.exit",
        "sim.files.write", "sim.files.sha256", "sim.errors.RackplanError", "sim.app.main.main",
        "sim.app.build.Builder", "sim.results.Result", "sim.study.simulate",
        "sim.policies.queue.base.np.load", "sim.policies.queue.JobView", "sim.state.State",
        "sim.policies.queue.AbstractQueuePolicy", "sim.policies.backfill.Easy", "sim.engine.Clock",
        "sim.policies.queue.fifo.Fifo.key", "sim.policies.queue.__init__.Fifo", "sim.rng.Streams",
        "sim.workload.trace.find", "simulator.Fifo", "sim.policiesx.Fifo", "..os.system", "", "x",
        "sim.policies.queue.fifo.__class__", "sim.policies.nothing.Fifo", 3, None, ["os.system"],
    ],
)  # fmt: skip
@pytest.mark.usefixtures("alarm")
def test_a_choice_may_name_only_a_class_of_its_kind(target, tmp_path):
    told = faults([tmp_path], queue={"_target_": target})
    assert len(told) == 1
    assert told[0].startswith("queue")


@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("target", ["os.system", "sim.state.Homogeneous", "sim.workload.Poisson"])
def test_a_nested_choice_is_held_to_the_kind_of_its_place(target):
    for knob in ("work", "sizes", "estimate", "tenants", "jobs"):
        workload = config()["workload"] | {knob: {"_target_": target}}
        assert any(knob in text for text in faults(workload=workload))
    transform = {"_target_": target}
    trace = OmegaConf.to_container(OmegaConf.load(CONF / "workload" / "trace.yaml"))
    told = faults(workload=trace | {"transforms": [transform]})
    assert "workload.transforms[0]._target_" in told[0]


@pytest.mark.parametrize("word", ["_partial_", "_args_", "_recursive_", "_convert_", "__class__"])
def test_hydras_own_words_are_no_knobs(word):
    queue = {"_target_": "sim.policies.queue.Fifo", word: True}
    assert faults(queue=queue)[0].startswith(f"queue.{word}: is not known")


@pytest.mark.parametrize("text", ["${oc.env:HOME}", "a ${oc.decode:x}", "${x.${oc.env:HOME}}"])
def test_references_run_nothing(text):
    for node in ({"name": text}, {"cluster": {"pools": [{"name": text}]}}):
        with pytest.raises(ScenarioError, match="only references"):
            references(node)
    references({"name": "seed ${seed}"})


def test_a_users_file_never_takes_the_place_of_another_module(tmp_path):
    for stem in ("json", "numpy", "os"):
        (tmp_path / f"{stem}.py").write_text("raise SystemExit('ran')\n")
        told = faults([tmp_path], queue={"_target_": f"{stem}.Mine"})
        assert "belongs to another module" in told[0]
    assert sys.modules["os"] is os


def test_a_users_file_outside_the_folders_is_not_read(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "outside_policy.py").write_text("raise SystemExit('ran')\n")
    for target in ("outside_policy.Mine", "..outside_policy.Mine"):
        assert "queue._target_" in faults([inside], queue={"_target_": target})[0]


def test_a_users_own_fault_is_told_with_its_line(tmp_path):
    (tmp_path / "broken_policy.py").write_text("x = 1\nimport no_such_module\n")
    told = faults([tmp_path], queue={"_target_": "broken_policy.Mine"})
    assert "broken_policy.py, line 2: ModuleNotFoundError" in told[0]
    assert "broken_policy" not in sys.modules
