"""Each choice of conf/ mirrors the constructor of its class, builds, and is composed by Hydra."""

import inspect

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from sim.app.build import GROUPS, KNOBS, hints_of, scenario
from sim.errors import ScenarioError
from sim.files import data_dir
from sim.units import suffix_of

CONF = data_dir("conf")
CHOICES = sorted(p for group in GROUPS for p in (CONF / group).glob("*.yaml"))
EXPERIMENTS = sorted(p.stem for p in (CONF / "experiment").glob("*.yaml"))


def name(path):
    return f"{path.parent.name}={path.stem}"


def plain(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_container(compose("config", list(overrides)), resolve=True)


def classes(node):
    """Yield each mapping that names a class, outermost first."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield node
        for value in node.values():
            yield from classes(value)
    elif isinstance(node, list):
        for value in node:
            yield from classes(value)


def located(path):
    module, _, last = path.rpartition(".")
    return getattr(__import__(module, fromlist=[last]), last)


@pytest.mark.parametrize("path", CHOICES, ids=name)
def test_a_choice_names_every_parameter_of_its_class_and_no_other(path):
    for node in classes(OmegaConf.to_container(OmegaConf.load(path))):
        parameters = inspect.signature(located(node["_target_"])).parameters
        assert set(node) - {"_target_"} == set(parameters), node["_target_"]


@pytest.mark.parametrize("path", CHOICES, ids=name)
def test_the_type_of_every_knob_is_known(path):
    """Else no value of it is a fault, whatever it is."""
    for node in classes(OmegaConf.to_container(OmegaConf.load(path))):
        found = located(node["_target_"])
        assert set(inspect.signature(found).parameters) <= set(hints_of(found)), node["_target_"]


NOT_AS_LARGE = {"fabric=dragonfly_plus", "fabric=file"}
"""Fabrics that do not come in the size of the default cluster."""


@pytest.mark.parametrize("path", CHOICES, ids=name)
def test_a_choice_builds(path):
    if name(path) in NOT_AS_LARGE:
        with pytest.raises(ScenarioError, match=r"^fabric[.\w]*: .*; \w+"):
            scenario(plain(name(path)), [])
        return
    given = ["workload.path=slurm_sacct.txt"] if name(path) == "workload=trace" else []
    made = scenario(plain(name(path), *given), [])
    assert made.issues() == []


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_builds_and_says_its_question(experiment):
    made = scenario(plain(f"experiment={experiment}"), [])
    assert made.name
    assert made.question.endswith("?")
    assert (
        f"rackplan experiment={experiment}" in (CONF / f"experiment/{experiment}.yaml").read_text()
    )


def test_every_group_has_a_folder_and_a_default():
    folders = {p.name for p in CONF.iterdir() if p.is_dir()} - {"experiment", "traces"}
    assert folders == set(GROUPS)
    assert set(plain()) == set(GROUPS) | set(KNOBS)


def test_the_names_that_stay():
    """Scripts outside this repository use these."""
    offered = {g: {p.stem for p in CHOICES if p.parent.name == g} for g in GROUPS}
    assert {"homogeneous", "pools"} <= offered["cluster"]
    assert {"synthetic", "trace", "philly", "swf", "sacct", "helios"} <= offered["workload"]
    queues = {"fifo", "sjf", "ljf", "smallest", "priority", "edf", "wfp3", "unicef"}
    assert queues <= offered["queue"]
    assert {"none", "skip", "easy", "conservative", "slurm"} <= offered["backfill"]
    places = {"pack", "spread", "first_fit", "best_fit", "random", "fewest_nodes"}
    assert places <= offered["placement"]
    knobs = plain("workload=trace")
    assert {"nodes", "gpus_per_node", "gpu"} <= set(knobs["cluster"])
    assert {"path", "format", "on_error"} <= set(knobs["workload"])
    assert {"reservation", "depth"} <= set(knobs["backfill"])
    assert "seed" in knobs


@pytest.mark.parametrize("path", CHOICES, ids=name)
def test_a_quantity_is_written_as_people_write_it(path):
    """A knob that is a time, a size, a rate: its name says the unit, its value reads well."""
    for node in classes(OmegaConf.to_container(OmegaConf.load(path))):
        for knob, value in node.items():
            if isinstance(value, str) and value[:1].isdigit():
                assert suffix_of(knob), f"{path}: {knob}: {value}"
