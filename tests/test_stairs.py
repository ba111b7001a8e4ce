"""Imports go down the stairs only; one library, one room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {
    "units": 0, "errors": 0, "rng": 0, "table": 0, "files": 0, "table_served": 0,
    "state": 1, "kernel": 2, "physics": 2, "policies": 3, "workload": 3, "engine": 4, "results": 5,
    "study": 6, "report": 7, "app": 8,
}  # fmt: skip
LIBRARIES = {
    "simpy": {"engine"},
    "numba": {"kernel/jit.py", "state/handle.py"},
    "hydra": {"app"},
    "omegaconf": {"app"},
    "rich": {"app"},
    "networkx": set(),  # topologies only
    "pyarrow": {
        "table.py",
        "workload",
        "results",
        "study",
        "report/allocation.py",
    },
    "matplotlib": {"report"},
    "jinja2": {"report"},
    "scipy": {"policies/queue", "policies/autoscaler", "report/paired.py"},
    "pandas": set(),
}
FILES = sorted((ROOT / "sim").rglob("*.py"))


def imports(path):
    """Yield each module a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: a relative import"
            yield node.module
            if node.module == "sim":
                for alias in node.names:
                    yield f"sim.{alias.name}"


def room(path):
    """Return the room of a file: the folder under sim/, or the name of a file on the ground."""
    inside = path.relative_to(ROOT / "sim")
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_only(path):
    here = room(path)
    if here in ("__init__", "__main__"):  # the front door may look up
        return
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "sim" and len(parts) > 1 and parts[1] != here and parts[1] in FLOORS:
            ground = FLOORS[parts[1]] == FLOORS[here] == 0  # the ground is one floor without rooms
            assert ground or FLOORS[parts[1]] < FLOORS[here], f"{here} imports {module}"
        assert parts[0] != "topologies", "nothing in sim imports topologies"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_one_library_one_room(path):
    inside = str(path.relative_to(ROOT / "sim"))
    for module in imports(path):
        homes = LIBRARIES.get(module.split(".")[0])
        if homes is not None:
            assert any(inside == home or inside.startswith(home + "/") for home in homes), module


def test_topologies_use_the_ground_at_most():
    for path in (ROOT / "topologies").glob("*.py"):
        for module in imports(path):
            assert not module.startswith("sim.") or module == "sim.units", module


def test_every_room_has_a_floor():
    rooms = {room(path) for path in FILES} - {"__init__", "__main__", "_data"}
    assert rooms <= set(FLOORS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_fits_in_a_head(path):
    assert len(path.read_text().splitlines()) <= 300


def test_policies_are_small_and_nobody_asks_which_one_it_is():
    for path in (ROOT / "sim" / "policies").rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 90, path
    for place in ("kernel", "engine", "study"):
        for path in (ROOT / "sim" / place).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
                    assert path.name in ("scenario.py", "clashes.py", "jit.py"), (
                        f"{path}: isinstance"
                    )


def test_no_two_test_files_have_one_name_where_no_package_tells_them_apart():
    """Pytest imports such files by their bare names: of two it would run one."""
    loose = [
        path.name
        for path in (ROOT / "tests").rglob("test_*.py")
        if not (path.parent / "__init__.py").exists()
    ]
    assert sorted(loose) == sorted(set(loose))
