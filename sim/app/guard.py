"""What Hydra may make and call by itself, whatever it reads: its own, and our callback.

`build` guards what becomes part of a scenario. Before that, Hydra follows names of its own section:
callbacks, launchers and sweepers are made from `_target_`, and logging is set up by Python's own
`dictConfig`, in which `()` calls anything and `ext://` imports anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf

from sim.errors import ScenarioError

PLUGINS = ("hydra._internal.core_plugins.", "hydra_plugins.", "sim.app.sweep.CompareRuns")
HANDLERS = ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler")
STREAMS = ("ext://sys.stdout", "ext://sys.stderr")


def may_stand(path: str, key: Any, value: Any) -> bool:
    """Return whether Hydra may follow what stands here; most things name nothing to follow."""
    if key == "_target_":
        return isinstance(value, str) and value.startswith(PLUGINS)
    if key == "()":
        return False
    if key == "class" and "logging" in path:
        return value in HANDLERS or str(value) == "logging.Formatter"
    followed = isinstance(value, str) and ("ext://" in value or "cfg://" in value)
    return not followed or value in STREAMS


def refused(node: Any, path: str) -> Iterator[str]:
    """Give a fault for each name that Hydra must not follow."""
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, dict):
        pairs = node.items()
    elif isinstance(node, list):
        pairs = enumerate(node)
    for key, value in pairs:
        here = f"{path}.{key}"
        if not may_stand(path, key, value):
            yield f"{here}: {value!r} may not be named"
        yield from refused(value, here)


def guard_hydra() -> None:
    """Have each configuration checked when it is composed, before Hydra acts on it."""
    load = ConfigLoaderImpl.load_configuration
    if load.__name__ == "checked":
        return

    def checked(self: Any, *args: Any, **kwargs: Any) -> DictConfig:
        config = load(self, *args, **kwargs)
        if odd := list(refused(OmegaConf.to_container(config.hydra, resolve=False), "hydra")):
            raise ScenarioError(odd)
        return config

    ConfigLoaderImpl.load_configuration = checked  # type: ignore[method-assign]  # Hydra has no hook
