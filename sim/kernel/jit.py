"""Compiles if numba is there; else the same code runs as it stands, slowly, with the same bytes.

No fastmath, so that compiled and plain agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

try:
    import numba
    from numba.core import config, types
    from numba.extending import overload
except ImportError:  # the verbs are plain Python and run without it
    numba = None

F = TypeVar("F", bound=Callable[..., Any])


def _wide(kind: Any) -> Any:
    """Return the type an argument is widened to: no literals, one width of integer."""
    kind = types.unliteral(kind)  # type: ignore[attr-defined]  # of numba's
    return types.int64 if isinstance(kind, types.Integer) else kind


def _once(dispatcher: Any) -> Any:
    """Return the dispatcher, made to be compiled once instead of once a literal and width.

    Measured: it takes two thirds off the time of the first compile.
    """
    inner = getattr(dispatcher, "get_call_template", None)
    if inner is not None:

        def widened(args: Any, kws: Any) -> Any:
            return inner([_wide(a) for a in args], {k: _wide(v) for k, v in kws.items()})

        dispatcher.get_call_template = widened
    return dispatcher


def jit(function: F) -> F:
    """Return the function compiled and cached, for other kernels to call."""
    if numba is None:
        return function
    made = numba.njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return cast(F, _once(made(function)))


def inlined(function: F) -> F:
    """Return the function compiled into each of its callers, where the call itself is the cost."""
    if numba is None:
        return function
    made = numba.njit(
        cache=True, nogil=True, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True
    )
    return cast(F, _once(made(function)))


def entry(function: F) -> F:
    """Return the function compiled and cached, with a door for Python."""
    if numba is None:
        return function
    return cast(F, _once(numba.njit(cache=True, nogil=True, no_cfunc_wrapper=True)(function)))


def forked(without: F, having: F, table: str = "devices") -> F:
    """Return a function that is the second where that table of the State is on, else the first.

    It is decided when a caller is compiled, by the State's type, so that those who do not need the
    second need not wait for what they never run to be compiled.
    """
    return _either(
        without, having, lambda s: bool(getattr(s, table).on), lambda kind: table in kind.on
    )


def parted(without: F, having: F, column: str) -> F:
    """Return a function that is the second where the Handed table has that column, else the first.

    As `forked`, decided when a caller is compiled; it is compiled into its callers.
    """
    return _either(
        without, having, lambda s: column in s.columns, lambda kind: column in kind.where, True
    )


def _either(
    without: F,
    having: F,
    now: Callable[[Any], bool],
    compiled: Callable[[Any], bool],
    inside: bool = False,
) -> F:
    """Return the second where the first argument is such a one, else the first."""

    def either(s: Any, *args: Any) -> Any:
        """Decide anew each time, where nothing is compiled."""
        return (having if now(s) else without)(s, *args)

    if numba is not None and not config.DISABLE_JIT:

        @overload(either, jit_options={"forceinline": inside})
        def _chosen(s, *args):  # type: ignore[no-untyped-def]  # as numba wants it
            """Return the body for tables of this type; numba wants it without annotations."""
            del args
            chosen = having if compiled(s) else without

            def body(s, *args):  # type: ignore[no-untyped-def]  # as numba wants it
                return chosen(s, *args)

            return body

    return cast(F, either)
