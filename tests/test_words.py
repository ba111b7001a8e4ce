"""One word a thing; units in names; nothing of the place where it was written."""

import ast
import inspect
import re
import tokenize
from pathlib import Path

import pytest

from sim import table, table_served
from sim.units import UNITS, suffix_of

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "sim").rglob("*.py"), *(ROOT / "topologies").rglob("*.py")])
TEXTS = sorted(
    p
    for folder in ("sim", "topologies", "conf", "tests", "experiments", "notebooks", ".ci")
    for p in (ROOT / folder).rglob("*")
    if p.suffix in {".py", ".yaml", ".md", ".ipynb", ".j2", ".css", ".toml", ""}
    and p.is_file()
    and p.parent.name not in {"__pycache__", ".ipynb_checkpoints"}
) + [p for p in ROOT.glob("*") if p.suffix in {".md", ".toml"} or p.name == "Makefile"]

NOT_OURS = {"host", "hosts", "server", "servers", "machine", "machines", "trial"}
NOT_OURS |= {"deployment", "snapshot", "task", "tasks"}
FOREIGN = {  # where another's word must be said: a trace's own, rich's, Hydra's
    "workload/traces": NOT_OURS,
    "app": {"task", "tasks"},
    "state/inventory": {"pod", "pods"},  # of racks
    "state/spans": {"pod", "pods"},
}
PURE = {  # knobs and columns without a dimension
    *(
        "alpha",
        "cv",
        "cpus",
        "cpus_per_gpu",
        "daily",
        "starve_limit",
        "yearly_frac",
        "damping",
        "factor",
        "keep",
        "keeps",
        "least",
        "load",
        "most",
    ),
    *("priorities", "tenants", "weekly", "weights", "work_factors"),
    *("exponent", "job_classes", "throughput"),
    "qoses",  # priorities
    *("prompt_mean", "output_mean"),  # tokens
    *(
        "age",
        "fair_share",
        "gpus",
        "memory",
        "partition",
        "partitions",
        "qos",
        "size",
    ),  # weights of factors
    *("carries", "comm_fraction", "comm_fractions", "comm_overlap", "others"),
    *("models",),  # mappings of counts and widths
    *("slo_by_class", "campaigns"),  # their keys say theirs
    *("fairness", "gamma", "held_factor", "noise", "parallel_share", "speeds"),
    *(
        "activation",
        "change_cost",
        "down_factor",
        "panic_factor",
        "surprise",
        "target",
        "up_factor",
    ),
    *("prompt_cv", "output_cv", "classes", "burst"),
    *("in_steps", "in_threshold", "out_steps", "out_threshold", "plan", "queue", "queue_spare"),
}


def words_of(path):
    """Yield (line, word) of each identifier, CamelCase and snake_case taken apart."""
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.NAME:
                for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", token.string):
                    yield token.start[0], part.lower()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_one_word_a_thing(path):
    inside = str(path.relative_to(ROOT / "sim")) if path.is_relative_to(ROOT / "sim") else ""
    excused = {w for room, said in FOREIGN.items() if inside.startswith(room) for w in said}
    found = [(line, word) for line, word in words_of(path) if word in NOT_OURS - excused]
    assert not found, "node, never host; job, never task: house words stand in ARCHITECTURE.md"


def test_no_name_begins_with_my_or_ends_in_2():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "name", None) or getattr(node, "id", None) or ""
            if isinstance(name, str):
                odd = re.fullmatch(r"my_\w+|[a-z_]{3,}2", name) and name != "jinja2"
                assert not odd, f"{path}: {name}"


SERVED = ("REQUEST_IN", "REQUESTS", "REPLICAS", "SERVICES")
SCHEMAS = ("JOB_REQUEST", "JOBS", "LEDGER", "NODES", "TIMELINE", "REJECTED")
BARE = {"fragmentation", "nice", "priority", "kv_share"}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_column_says_its_unit_in_its_name(schema):
    for column in getattr(table, schema):
        if column.unit in UNITS or suffix_of(column.name):
            ends = column.name.rsplit("_", 1)[-1]  # gpu_s: seconds of so many GPUs
            assert ends == column.unit.rsplit(" ", 1)[-1], column
        elif column.dtype == "float64":
            assert column.unit or column.name in PURE | BARE, column
        assert column.meaning, column


@pytest.mark.parametrize("schema", SERVED)
def test_a_column_of_a_service_says_its_unit_in_its_name(schema):
    for column in getattr(table_served, schema):
        if column.unit in UNITS or suffix_of(column.name):
            assert column.name.endswith(f"_{column.unit}"), column
        elif column.dtype == "float64":
            assert column.unit or column.name in PURE | BARE, column
        assert column.meaning, column


def knobs():
    """Yield each parameter of each class that a configuration may name."""
    from sim import engine, state, workload
    from sim.policies import autoscaler, backfill, elastic, node_scaler, placement, queue
    from sim.workload import requests, services

    rooms = (engine, state, workload, autoscaler, backfill, elastic, node_scaler, placement, queue)
    for room in (*rooms, requests, services):
        for name in getattr(room, "__all__", dir(room)):
            made = getattr(room, name)
            bases = getattr(made, "__mro__", ())
            if any(base.__name__.startswith("Abstract") for base in bases):
                for parameter in inspect.signature(made).parameters.values():
                    yield made, parameter


def test_a_knob_that_is_a_float_says_its_unit_or_is_a_pure_number():
    for made, parameter in knobs():
        if "float" in str(parameter.annotation):
            name = parameter.name
            assert suffix_of(name) or name in PURE, f"{made.__name__}.{name}: which unit?"


PLACES = re.compile(r"(?<![\w.~$}])/(work|tmp|root|home|workspace)/\w")


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_names_no_place_of_one_computer(path):
    found = PLACES.search(path.read_text(errors="replace"))
    assert found is None, found
