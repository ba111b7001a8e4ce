"""A sweep ends in one comparison; a run that fails takes no other with it."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from sim.app.sweep import CompareRuns

ROOT = str(Path(__file__).resolve().parents[2])
SMALL = ("workload.jobs=200", "report=false", "hydra.sweep.dir=here")


def sweep(folder, *words, code=0):
    command = [sys.executable, "-m", "sim", "-m", *words]
    around = {**os.environ, "PYTHONPATH": ROOT, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def numbers(folder):
    """Return the metrics of each run of a sweep by its overrides."""
    found = {}
    for place in sorted((folder / "here").glob("*/manifest.json")):
        said = tuple(json.loads(place.read_text())["config"]["overrides"])
        found[said] = (place.parent / "jobs.parquet").read_bytes()
    return found


def test_designs_and_seeds_end_in_one_table_and_one_page(tmp_path):
    done = sweep(tmp_path, *SMALL, "queue=fifo,sjf", "backfill=none,easy", "seed=1,2")
    assert len(numbers(tmp_path)) == 8
    table = done.stdout[done.stdout.index("comparison") :]
    for design in ("queue=fifo", "queue=sjf", "backfill=none", "backfill=easy"):
        assert design in table
    assert "workload.jobs" not in table  # the same in all: no part of a design
    page = (tmp_path / "here" / "compare.html").read_text()
    assert "queue=sjf" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_run_of_a_sweep_is_the_run_alone_and_the_same_side_by_side(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    words = (*SMALL, "queue=fifo,sjf", "seed=1,2")
    for name, more in (("one", ()), ("many", ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"))):
        (tmp_path / name).mkdir()
        sweep(tmp_path / name, *words, *more)
        assert (tmp_path / name / "here" / "compare.html").exists()
    assert numbers(tmp_path / "one") == numbers(tmp_path / "many")
    assert len(numbers(tmp_path / "one")) == 4


def test_one_run_that_fails_is_named_and_the_others_are_kept(tmp_path):
    done = sweep(tmp_path, *SMALL, "cluster.nodes=8,-1", "seed=1,2", code=1)
    assert len(numbers(tmp_path)) == 2
    assert (tmp_path / "here" / "compare.html").exists()
    assert "cluster.nodes: is -1" in (tmp_path / "here" / "2" / "fault.txt").read_text()
    for run in ("2", "3"):
        assert any(run in line and "cluster.nodes" in line for line in done.stderr.splitlines())


def test_a_sweep_never_overwrites_a_sweep(tmp_path):
    sweep(tmp_path, *SMALL, "seed=1,2")
    before = numbers(tmp_path)
    done = sweep(tmp_path, *SMALL, "seed=3,4", code=2)
    assert "here holds a sweep already" in done.stderr
    assert numbers(tmp_path) == before
    sweep(tmp_path, *SMALL, "seed=3,4", "overwrite=true")
    assert numbers(tmp_path).keys().isdisjoint(before)


def test_a_choice_that_is_none_is_told_before_anything_runs(tmp_path):
    done = sweep(tmp_path, *SMALL, "queue=fifo,nope", code=2)
    assert "nope" in done.stderr
    assert "wfp3" in done.stderr
    assert not list(tmp_path.glob("here/*/manifest.json"))


def test_the_callback_can_go_to_another_process():
    assert pickle.loads(pickle.dumps(CompareRuns())).__class__ is CompareRuns
