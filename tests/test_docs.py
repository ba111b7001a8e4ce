"""Every room has the same door, and every public name says what comes back."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = [p.parent for p in (ROOT / "sim").rglob("__init__.py") if p.parent != ROOT / "sim"]
ROOMS = sorted([*ROOMS, ROOT / "topologies"])
SOURCES = sorted(p for room in ("sim", "topologies") for p in (ROOT / room).rglob("*.py"))
CARD = ("Enters:", "Leaves:", "May import:", "Must not know:", "To add ", "Begin with:")


@pytest.mark.parametrize("place", ROOMS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_begins_with_its_card(place):
    text = ast.get_docstring(ast.parse((place / "__init__.py").read_text())) or ""
    missing = [word for word in CARD if word not in text]
    assert not missing or place.name in ("metrics", "traces"), missing


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_public_names_have_docstrings(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


def policies():
    """Return (file, class) of every final class of the policies: what a user can choose."""
    for path in sorted((ROOT / "sim" / "policies").rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and "final" in map(ast.unparse, node.decorator_list):
                yield path, node


@pytest.mark.parametrize(("path", "node"), list(policies()), ids=lambda x: getattr(x, "name", None))
def test_a_policy_says_where_it_is_from_and_what_it_leaves_out(path, node):
    text = ast.get_docstring(node) or ""
    missing = [word for word in ("Source:", "Neglects:") if word not in text]
    assert not missing, f"{path.relative_to(ROOT)}: {node.name} lacks {missing}"
