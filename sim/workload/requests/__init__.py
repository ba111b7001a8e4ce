"""Where the requests of a service come from: traces and laws.

Enters: a file or the parameters of a law.   Leaves: Requests, columns in order of arrival.
May import: the ground, its floor's arrivals and readers.   Must not know: replicas, kernels, SimPy.
To add a trace: a function of a Raw in formats.py, a row of FORMATS. A law of tokens: tokens.py.
Begin with: base.py, then synthetic.py.
"""

from sim.workload.requests.base import AbstractRequests, Requests
from sim.workload.requests.mix import MixedRequests
from sim.workload.requests.synthetic import DrawnRequests
from sim.workload.requests.tokens import AbstractTokens, FixedTokens, LogNormalTokens, TokensOf
from sim.workload.requests.trace import GivenRequests, RequestTrace

__all__ = [
    "AbstractRequests",
    "AbstractTokens",
    "DrawnRequests",
    "FixedTokens",
    "GivenRequests",
    "LogNormalTokens",
    "MixedRequests",
    "RequestTrace",
    "Requests",
    "TokensOf",
]
