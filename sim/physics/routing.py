"""What hashing costs, in closed form: the fullest of the links that a job crosses."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

F8 = NDArray[np.float64]


def hashed_slowdown(queue_pairs: ArrayLike, load: ArrayLike, links: ArrayLike) -> F8:
    """Return how many times slower than over sprayed packets a job sends when hashed, (m,).

    Each of `links` links that the job crosses carries so many queue pairs as chance throws on it,
    Poisson with mean load q, each 1 / q of a link; the job goes at the pace of the fullest.

        slowdown = max(1, E[fullest] / q),  E[fullest] = sum over k >= 0 of 1 - P(K <= k)^links

    Parameters
    ----------
    queue_pairs : (m,) q of a flow; a flow alone fills a link.
    load : (m,) mean number of flows on a link of the tier, its own and the neighbours'; at most 1
        where the fabric blocks nobody.
    links : (m,) links of that tier that the job crosses; 0 for none: 1.

    Source: balls thrown into bins (Raab and Steger, RANDOM 1998); held against max-min over real
        routes in tests/physics.
    Neglects: that slower neighbours leave room on the fullest link; several tiers (give the sum of
        their links), flows that are not alike.
    """
    q, rho, many = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(x, np.float64)) for x in (queue_pairs, load, links))
    )
    mean = np.maximum(q * rho, 1e-300)
    most = int(np.ceil(mean.max(initial=0.0) + 12.0 * math.sqrt(mean.max(initial=0.0)) + 40.0))
    k = np.arange(most + 1)
    tally = np.array([math.lgamma(i + 1.0) for i in k])
    chance = np.exp(k * np.log(mean)[:, None] - mean[:, None] - tally)
    below = np.minimum(np.cumsum(chance, axis=1), 1.0)
    fullest = (1.0 - below ** many[:, None]).sum(axis=1)
    return np.asarray(np.maximum(1.0, fullest / q))
