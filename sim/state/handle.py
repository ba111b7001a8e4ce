"""The State's compiled face: one pointer for the kernels, plain tables for Python."""

from __future__ import annotations

import os
from typing import Any

from sim.state.cache import folder
from sim.state.columns import (
    TABLES,
    Agenda,
    Events,
    Face,
    Jobs,
    Kinds,
    Ledger,
    Nodes,
    Order,
    Rule,
    Scratch,
    Taste,
)

try:
    from numba import config, njit, types
    from numba.experimental import structref

    COMPILED = not config.DISABLE_JIT
    if COMPILED and not os.environ.get("NUMBA_CACHE_DIR"):
        config.CACHE_DIR = str(folder())
except ImportError:  # numba is optional: the same code runs without it, slowly
    COMPILED = False

_Base: Any = structref.StructRefProxy if COMPILED else object
_FACES: dict[type, Any] = {}


def _face(name: str, fields: list[str]) -> Any:
    """Return a structref class of these fields; its type stands at module level, for the cache."""

    def widened(self: Any, fields: Any) -> Any:
        return tuple((field, types.unliteral(kind)) for field, kind in fields)

    kind = type(f"{name}Type", (types.StructRef,), {"preprocess_fields": widened})
    kind.__module__ = __name__
    globals()[kind.__name__] = structref.register(kind)
    proxy = type(name, (structref.StructRefProxy,), {"__module__": __name__})
    structref.define_proxy(proxy, kind, fields)
    return proxy


if COMPILED:
    for _table in dict.fromkeys(TABLES.values()):
        _FACES[_table] = _face(f"{_table.__name__}Face", list(_table._fields))

    @structref.register
    class StateType(types.StructRef):  # type: ignore[misc]
        """The kernels' face of a State. At module level: inside a function it defeats the cache."""

        def preprocess_fields(self, fields: Any) -> Any:
            """Return the fields with literal types widened."""
            return tuple((name, types.unliteral(kind)) for name, kind in fields)


class State(_Base):  # type: ignore[misc]
    """All that changes in a run.

    Python reads its tables; kernels take it as one pointer (a numba structref of structrefs), so
    that crossing is cheap and verbs may call verbs. Where nothing is compiled it is a plain object.
    """

    jobs: Jobs
    nodes: Nodes
    kinds: Kinds
    queue: Order
    running: Order
    agenda: Agenda
    ledger: Ledger
    events: Events
    rule: Rule
    taste: Taste
    pick: Scratch
    kept: Scratch
    face: Face

    def __new__(cls, *tables: Any) -> State:
        """Return a State of the tables, in the order of `TABLES`."""
        self: State = _joined(*tables) if COMPILED else super().__new__(cls)
        for name, table in zip(TABLES, tables, strict=True):
            setattr(self, name, table)
        return self

    def replaced(self, **tables: Any) -> State:
        """Return a State with some tables replaced (a longer ledger)."""
        return State(*(tables.get(name, getattr(self, name)) for name in TABLES))


if COMPILED:
    structref.define_proxy(State, StateType, list(TABLES))
    JobsFace, NodesFace, KindsFace = _FACES[Jobs], _FACES[Nodes], _FACES[Kinds]
    OrderFace, AgendaFace, LedgerFace = _FACES[Order], _FACES[Agenda], _FACES[Ledger]
    EventsFace, RuleFace, TasteFace = _FACES[Events], _FACES[Rule], _FACES[Taste]
    ScratchFace, FaceFace = _FACES[Scratch], _FACES[Face]

    @njit(cache=True)
    def _joined(  # type: ignore[no-untyped-def]  # noqa: PLR0913 (a table each)
        jobs, nodes, kinds, queue, running, agenda, ledger, events, rule, taste, pick, kept, face
    ):
        """Return the compiled face of the tables. Cached, unlike a structref's own constructor."""
        return State(
            JobsFace(*jobs), NodesFace(*nodes), KindsFace(*kinds), OrderFace(*queue),
            OrderFace(*running), AgendaFace(*agenda), LedgerFace(*ledger), EventsFace(*events),
            RuleFace(*rule), TasteFace(*taste), ScratchFace(*pick), ScratchFace(*kept),
            FaceFace(*face),
        )  # fmt: skip
