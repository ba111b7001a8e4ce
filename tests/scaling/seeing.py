"""What an autoscaler is shown, in few words."""

import numpy as np

from sim.policies.autoscaler.metrics import bounded
from sim.state.scaling import NOTHING, Demand, Replica, Scrapes, Seen

H100_70B = Replica(
    decode_s=(15.2e-3, 32e-6, 26e-9),
    mixed_s=(15.2e-3, 56.5e-6, 1.4e-9, 32e-6, 26e-9),
    batch=256,
    kv_tokens=450_000,
    gpus=4,
    cold_start_s=300.0,
    ttft_slo_s=2.0,
    tpot_slo_s=0.05,
)


def scrapes(running, ready=1, scrape_s=15.0, end_s=None, **columns):
    """Return one row a number of `running`, the last of them at `end_s`; the rest as given."""
    running = np.atleast_1d(np.asarray(running, float))
    k = len(running)
    end_s = k * scrape_s if end_s is None else end_s
    made = {"time_s": end_s - scrape_s * np.arange(k)[::-1], "running": running}
    made["ready"] = np.broadcast_to(np.asarray(ready, float), k)
    for name in Scrapes._fields:
        blank = np.nan if name in ("ttft_s", "tpot_s") else 0.0
        given = columns.get(name, made.get(name, blank))
        made[name] = np.array(np.broadcast_to(np.asarray(given, float), k))
    return Scrapes(**made)


def seen(running=0.0, ready=1, starting=0, now_s=None, least=1, most=1000, **given):
    """Return a service with that much running at the last scrapes, measured on what is ready."""
    scrape_s = given.pop("scrape_s", 15.0)
    replica = given.pop("replica", H100_70B)
    ahead = given.pop("ahead", None)
    kv, queue = given.pop("each_kv", ()), given.pop("each_waiting", ())
    rows = scrapes(running, given.pop("measured", ready), scrape_s, now_s, **given)
    now_s = float(rows.time_s[-1]) if now_s is None else now_s
    none = np.zeros(len(kv))
    return Seen(
        now_s, ready, starting, 0, least, most, scrape_s, rows, none,
        np.array(queue, float), np.array(kv, float), replica, ahead,
    )  # fmt: skip


def demand(arrivals, bin_s=60.0, prompt=1000.0, output=200.0):
    """Return the demand to come."""
    arrivals = np.asarray(arrivals, float)
    at = bin_s * (1 + np.arange(len(arrivals)))
    return Demand(at, arrivals, arrivals * prompt, arrivals * output)


def play(policy, loads, ready, every_s=None, least=1, most=1000):
    """Return what a policy wishes when each wish is there, ready, at the next asking."""
    every_s = every_s or policy.every_s
    notes, made, history = NOTHING, [], []
    counts = []
    for i, load in enumerate(loads):
        history.append(load)
        counts.append(ready)
        now_s = (i + 1) * every_s
        shown = seen(
            history, ready, now_s=now_s, least=least, most=most, scrape_s=every_s, measured=counts
        )
        wish = policy.desired(shown, notes)
        ready, notes = bounded(shown, wish.replicas), wish.notes
        made.append(ready)
    return made
