"""What the README shows is what happens."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sim.files import data_dir

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
PYTHON = [text for name, text in BLOCKS if name == "python"]
COMMANDS = [
    line.partition("#")[0].strip().removeprefix("$ ")
    for name, text in BLOCKS
    if not name
    for line in text.splitlines()
    if line.removeprefix("$ ").startswith("rackplan ") and "--help" not in line
]


def call(words, folder):
    around = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160"}
    command = [sys.executable, "-m", "sim", *words]
    return subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_does_what_it_says(command, tmp_path):
    (tmp_path / "my_policy.py").write_text(PYTHON[1])
    (tmp_path / "my_conf" / "queue").mkdir(parents=True)
    choice = "_target_: my_policy.SmallFirst\ngpu_s_per_hour: 1e5\n"
    (tmp_path / "my_conf" / "queue" / "small_first.yaml").write_text(choice)
    (tmp_path / "my_sacct.txt").write_bytes(
        (data_dir("conf") / "traces/slurm_sacct.txt").read_bytes()
    )
    words = shlex.split(command)[1:]
    if words[:2] == ["fabric", "describe"]:
        done = call(words, tmp_path)
        assert done.returncode == 0, done.stderr
        assert all(word in done.stdout for word in ("switches", "bisection", "16,384"))
        return
    small = [] if "workload=" in command else ["workload.jobs=200"]
    if "experiment=serving" in command:
        small = ["services.requests.duration_s=600"]
    done = call([*words, *small, "report=false"], tmp_path)
    shown = [text for name, text in BLOCKS if text.startswith(f"$ {command}\n")]
    if shown:
        assert done.stderr == shown[0].partition("\n")[2]
        assert done.returncode == 2
    else:
        assert done.returncode == 0, done.stderr
        assert list(tmp_path.glob("*/*/*/**/manifest.json"))


def test_the_python_of_the_readme_runs(tmp_path):
    code = PYTHON[0].replace("60, 64, 72", "64,")
    around = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=around, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("64 ")


def test_what_the_readme_points_to_is_there():
    for path in re.findall(r"`((?:conf|notebooks|docs)/[\w/.]+)`|\]\((?!http)([^)]+)\)", TEXT):
        assert (ROOT / (path[0] or path[1])).exists() or "my_conf" in path[0], path


def test_the_readme_is_short():
    assert len(TEXT.splitlines()) <= 170
