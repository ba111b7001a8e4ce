"""What a `_target_` may name, decided before anything of it runs."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.errors import choices

ROOMS = ("sim.policies", "sim.workload", "sim.state", "sim.engine", "topologies")


def is_abstract(found: Any) -> bool:
    """Return whether a class is one of the project's interfaces."""
    ours = inspect.isclass(found) and found.__module__.startswith("sim.")
    return ours and found.__name__.startswith("Abstract")


def kinds_of(found: type) -> list[type]:
    """Return the interfaces that a class keeps."""
    return [base for base in found.__mro__ if is_abstract(base)]


class Allowed:
    """Finds classes by their path: the project's own, and those of .py files in `folders`."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = list(dict.fromkeys(folders))

    def find(self, text: Any, kinds: Sequence[type]) -> type:
        """Return the class that `text` names, one that keeps one of `kinds`.

        LookupError says what is wrong and what would be right. Nothing is imported unless it lies
        in a room of the project or in a folder of the user's.
        """
        parts = text.split(".") if isinstance(text, str) else []
        if len(parts) < 2 or not all(p.isidentifier() and "__" not in p for p in parts):
            raise LookupError(f"is {text!r}; must be the path of a class, as my_policy.MyPolicy")
        module = self.module(".".join(parts[:-1]))
        found = getattr(module, parts[-1], None)

        def fits(one: Any) -> bool:
            return (
                inspect.isclass(one)
                and not inspect.isabstract(one)
                and any(issubclass(one, kind) for kind in kinds)
                and one not in kinds
            )

        if not fits(found):
            asked = (
                " or ".join(kind.__name__ for kind in kinds) or "choice (a plain value goes there)"
            )
            valid = [name for name, one in vars(module).items() if fits(one)]
            hint = f"; {choices(parts[-1], valid)}" if valid else ""
            raise LookupError(f"{text!r} is no {asked}{hint}")
        assert isinstance(found, type)
        return found

    def module(self, name: str) -> Any:
        """Return a module of the project's rooms or the user's folders; LookupError if not one."""
        if name.startswith(tuple(f"{room}." for room in ROOMS)) or name in ROOMS:
            try:
                return importlib.import_module(name)
            except ModuleNotFoundError:
                raise LookupError(f"there is no module {name!r}") from None
        for folder in self.folders:
            file = folder.joinpath(*name.split(".")).with_suffix(".py")
            if file.is_file():
                return _loaded(name, file, folder)
        where = ", ".join(map(str, self.folders))
        rooms = ", ".join(ROOMS)
        raise LookupError(
            f"{name!r} may not be named; must be a class of {rooms}, or of a .py file in {where}"
        )


def _loaded(name: str, file: Path, folder: Path) -> Any:
    """Return the user's module of that file; it never takes the place of another module."""
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    if known is not None or name.split(".")[0] in sys.stdlib_module_names:
        raise LookupError(f"the name {name!r} belongs to another module; rename {file.name}")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise LookupError(f"{file} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # last, so that it shadows nothing
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        line = getattr(error, "lineno", None) or _line(error, file)
        at = f", line {line}" if line else ""
        raise LookupError(f"{file}{at}: {type(error).__name__}: {error}") from error
    return module


def _line(error: Exception, file: Path) -> int | None:
    """Return the line of `file` in which an error arose."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
