"""The State, or a table alone, as compiled code sees it: a pointer to addresses and shapes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from sim.state.answers import Limits, Rule, Score, Taste, Yield
from sim.state.cache import folder
from sim.state.calendar import Calendar
from sim.state.columns import (
    FORKS,
    TABLES,
    Agenda,
    Cache,
    Devices,
    Elastic,
    Events,
    Face,
    Jobs,
    Kinds,
    Ledger,
    Nodes,
    Notes,
    Order,
    Paces,
    Scratch,
    Usage,
)
from sim.state.fabric import Fabric
from sim.state.fair_share import FairShare
from sim.state.joins import AbstractWays
from sim.state.quota import Caps, Quota
from sim.state.sizes import Sizes
from sim.state.slices import Moving, Qos, Sharing, Slices, Spans, Topology
from sim.state.waits import Waits

os.environ.setdefault("NUMBA_OPT", "2")  # a fifth off the first compile; runs are as fast
os.environ.setdefault("NUMBA_LOOP_VECTORIZE", "0")
try:
    from llvmlite import ir
    from numba.core import cgutils, config, types
    from numba.core.typing.templates import AttributeTemplate
    from numba.extending import (
        NativeValue,
        infer_getattr,
        lower_getattr_generic,
        models,
        register_model,
        typeof_impl,
        unbox,
    )
    from numba.np.arrayobj import make_array, populate_array
    from numba.np.numpy_support import from_dtype

    COMPILED = not config.DISABLE_JIT
    if COMPILED and not os.environ.get("NUMBA_CACHE_DIR"):
        config.CACHE_DIR = str(folder())
except ImportError:  # numba is optional: the same code runs without it, slowly
    COMPILED = False


class State:
    """All that changes in a run.

    Python reads its tables; kernels take it as one pointer and see the same tables, so that
    crossing is cheap and verbs may call verbs. The tables and their arrays stay the same ones for
    a State's life, and it must live as long as the call: then kernels need not count references,
    which took a third of their time as a numba structref. Where nothing is compiled it is a plain
    object.
    """

    jobs: Jobs
    nodes: Nodes
    kinds: Kinds
    queue: Order
    running: Order
    ranked: Order
    agenda: Agenda
    ledger: Ledger
    events: Events
    rule: Rule
    gives: Yield
    taste: Taste
    devices: Devices
    score: Score
    cache: Cache
    usage: Usage
    paces: Paces
    elastic: Elastic
    notes: Notes
    quota: Quota
    caps: Caps
    fair_share: FairShare
    sizes: Sizes
    slices: Slices
    sharing: Sharing
    spans: Spans
    moving: Moving
    topology: Topology
    qos: Qos
    limits: Limits
    waits: Waits
    due: Agenda
    calendar: Calendar
    fabric: Fabric
    pick: Scratch
    kept: Scratch
    ahead: Scratch
    face: Face
    tenant_names: tuple[str, ...] = ()  # for Python only
    partition_names: tuple[str, ...] = ()
    fixed: dict[str, np.ndarray]  # what a queue policy says of jobs once and for all
    qos_names: tuple[str, ...] = ()
    kind_names: tuple[str, ...] = ()  # the GPU type of each kind of node
    ways: AbstractWays | None = None  # where jobs find their ways link by link

    def __init__(self, *tables: Any) -> None:
        """Take the tables, in the order of `TABLES`; arrays must be C-contiguous."""
        self.fixed = {}
        for name, table in zip(TABLES, tables, strict=True):
            setattr(self, name, table)
        if COMPILED:
            self._numba_type_, self._block = _described(tables)
            self._address = self._block.ctypes.data

    def replaced(self, **tables: Any) -> State:
        """Return a State with some tables replaced (a longer ledger)."""
        made = State(*(tables.get(name, getattr(self, name)) for name in TABLES))
        made.tenant_names, made.kind_names = self.tenant_names, self.kind_names
        made.partition_names, made.fixed = self.partition_names, self.fixed
        made.qos_names, made.ways = self.qos_names, self.ways
        return made


class Handed:
    """One table on its own: attributes to Python, one pointer to kernels, as with a State."""

    def __init__(self, **columns: Any) -> None:
        """Take the columns by name; they stay the same arrays for its life."""
        self.columns = columns
        self.__dict__.update(columns)
        if COMPILED:
            kinds, words = _columns(type(self).__name__, columns)
            self._numba_type_, self._block = _table_type(kinds), np.array(words, np.int64)
            self._address = self._block.ctypes.data


if COMPILED:

    class TableType(types.Type):
        """A table to the compiler: where in its part of the block a column's address stands.

        Tables of the same columns are of one type, so that a verb is compiled once for them all.
        """

        def __init__(self, columns: tuple[tuple[str, Any], ...]) -> None:
            self.where: dict[str, tuple[Any, int]] = {}
            self.words = 0
            for name, kind in columns:
                self.where[name] = kind, self.words
                self.words += 1 + getattr(kind, "ndim", 0)
            super().__init__(
                name=f"Table_{hashlib.sha256(repr(columns).encode()).hexdigest()[:12]}"
            )

    class StateType(types.Type):
        """A State to the compiler: where in its block each table begins."""

        def __init__(
            self, layout: tuple[tuple[tuple[str, Any], ...], ...], on: frozenset[str]
        ) -> None:
            self.on = on  # the tables that are: kernels may be compiled apart by it
            self.where: dict[str, tuple[TableType, int]] = {}
            place = 0
            for name, columns in zip(TABLES, layout, strict=True):
                table = TableType(columns)
                self.where[name] = table, place
                place += table.words
            digest = hashlib.sha256(repr((layout, sorted(on))).encode()).hexdigest()[:12]
            super().__init__(name=f"State_{digest}")

    register_model(StateType)(models.OpaqueModel)
    register_model(TableType)(models.OpaqueModel)

    # made once each: a service has another table whenever its window of requests moves
    _state_type, _table_type = cache(StateType), cache(TableType)
    _array: Any = cache(lambda dtype, ndim: types.Array(from_dtype(dtype), ndim, "C"))

    def _columns(
        name: str, table: Mapping[str, Any]
    ) -> tuple[tuple[tuple[str, Any], ...], list[int]]:
        """Return a table's columns and words: for an array its address and shape, else its bits."""
        columns: list[tuple[str, Any]] = []
        words: list[int] = []
        for field, value in table.items():
            if isinstance(value, np.ndarray):
                if not value.flags.c_contiguous:
                    raise ValueError(f"{name}.{field} must be C-contiguous")
                kind = _array(value.dtype, value.ndim)
                words += [value.ctypes.data, *value.shape]
            elif isinstance(value, float):
                kind = types.float64
                words.append(int(np.float64(value).view(np.int64)))
            else:
                kind = types.boolean if isinstance(value, bool) else types.int64
                words.append(int(value))
            columns.append((field, kind))
        return tuple(columns), words

    def _described(tables: tuple[Any, ...]) -> tuple[StateType, np.ndarray]:
        """Return the tables' type and block."""
        layout: list[tuple[tuple[str, Any], ...]] = []
        words: list[int] = []
        for name, table in zip(TABLES, tables, strict=True):
            columns, more = _columns(name, table._asdict())
            layout.append(columns)
            words += more
        every = dict(zip(TABLES, tables, strict=True))
        on = frozenset(name for name in FORKS if every[name].on)
        return _state_type(tuple(layout), on), np.array(words, np.int64)

    @typeof_impl.register(State)  # type: ignore[untyped-decorator]  # numba's
    def _typeof(state: State, _: Any) -> StateType:
        """Return the type that the State has made for itself."""
        return state._numba_type_

    @typeof_impl.register(Handed)  # type: ignore[untyped-decorator]  # numba's
    def _typeof_one(table: Handed, _: Any) -> TableType:
        """Return the type that the table has made for itself."""
        return table._numba_type_

    @unbox(TableType)  # type: ignore[untyped-decorator]  # numba's
    @unbox(StateType)  # type: ignore[untyped-decorator]  # numba's
    def _unbox(_: StateType, state: Any, c: Any) -> Any:
        """Emit the crossing: the address of the block, as a pointer."""
        address = c.pyapi.object_getattr_string(state, "_address")
        pointer = c.pyapi.long_as_voidptr(address)
        c.pyapi.decref(address)
        return NativeValue(pointer, is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()))

    @infer_getattr
    class StateAttributes(AttributeTemplate):
        """What `s.jobs` is."""

        key = StateType

        def generic_resolve(self, state: StateType, name: str) -> Any:
            """Return the type of a table."""
            return state.where.get(name, (None, 0))[0]

    @infer_getattr
    class TableAttributes(AttributeTemplate):
        """What `s.jobs.gpus` is."""

        key = TableType

        def generic_resolve(self, table: TableType, name: str) -> Any:
            """Return the type of a column."""
            return table.where.get(name, (None, 0))[0]

    @lower_getattr_generic(StateType)  # type: ignore[untyped-decorator]  # numba's
    def _table(_: Any, builder: Any, state: StateType, pointer: Any, name: str) -> Any:
        """Emit `s.jobs`: a pointer into the block."""
        word = ir.IntType(64)
        block = builder.bitcast(pointer, word.as_pointer())
        return builder.bitcast(builder.gep(block, [word(state.where[name][1])]), pointer.type)

    @lower_getattr_generic(TableType)  # type: ignore[untyped-decorator]  # numba's
    def _column(context: Any, builder: Any, table: TableType, pointer: Any, name: str) -> Any:
        """Emit `s.jobs.gpus`: an array that owns nothing, from the address and shape."""
        kind, place = table.where[name]
        word = ir.IntType(64)
        block = builder.bitcast(pointer, word.as_pointer())

        def at(i: int) -> Any:
            value = builder.load(builder.gep(block, [word(place + i)]))
            value.set_metadata("invariant.load", builder.module.add_metadata([]))
            return value

        if kind == types.float64:
            return builder.bitcast(at(0), ir.DoubleType())
        if kind == types.boolean:
            return builder.trunc(at(0), ir.IntType(1))
        if kind == types.int64:
            return at(0)
        shape = [at(1 + i) for i in range(kind.ndim)]
        size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
        strides = [word(size)]
        for n in shape[:0:-1]:
            strides.insert(0, builder.mul(strides[0], n))
        array = make_array(kind)(context, builder)
        data = builder.inttoptr(at(0), context.get_data_type(kind.dtype).as_pointer())
        populate_array(array, data, shape, strides, word(size), None)
        return array._getvalue()
