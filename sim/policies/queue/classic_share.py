"""Slurm's classic fair share, by formula instead of by rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.policies.queue.fair_tree import children, users


def classic(tree: Mapping[str, Any], used: Mapping[str, float], damping: float) -> dict[str, float]:
    """Return each user's classic factor, 2^(-U / S / damping); 0 for one without a share.

        S = S of the account x shares / siblings' shares
        U = A + (U of the account - A) x shares / siblings' shares

    with A the use of the user or account over all use, and U = A at the root's children.

    Source: Slurm, classic_fair_share.shtml. Neglects: parent shares.
    """
    total = sum(used.get(user, 0.0) for user in users(tree))
    found: dict[str, float] = {}

    def walk(account: Mapping[str, Any], share: float, use: float | None) -> None:
        siblings = children(account)
        parts = sum(part for _, _, part in siblings)
        for name, node, part in siblings:
            who = users(node) if isinstance(node, Mapping) else [name]
            own = sum(used.get(user, 0.0) for user in who) / total if total > 0.0 else 0.0
            of_all = part / parts if parts > 0.0 else 0.0
            effective = own if use is None else own + (use - own) * of_all
            if isinstance(node, Mapping):
                walk(node, share * of_all, effective)
            elif share * of_all > 0.0:
                found[name] = 2.0 ** (-effective / (share * of_all) / damping)
            else:
                found[name] = 0.0

    walk(tree, 1.0, None)
    return found
