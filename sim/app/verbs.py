"""How a command beside a run ends, such as `rackplan fabric describe`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from sim.app.terminal import fault
from sim.errors import RackplanError, choices


def answered(
    given: Sequence[str], usage: str, verbs: Mapping[str, Callable[[Sequence[str]], None]]
) -> int:
    """Do what the first word says with the others; return 0, or 2 for a fault of the user's."""
    helped = any(word in ("-h", "--help") for word in given)
    if helped or not given:
        print(usage)
        return 0 if helped else 2
    try:
        if given[0] not in verbs:
            told = choices(given[0], verbs)
            raise RackplanError(f"{given[0]!r} is no verb of this command; {told}; see --help")
        verbs[given[0]](given[1:])
    except (RackplanError, HydraException, OmegaConfBaseException) as error:
        fault(error)
        return 2
    except BrokenPipeError:
        raise  # nobody reads on
    except OSError as error:
        fault(f"{error.filename or 'draw'}: {error.strerror}; choose another file")
        return 2
    return 0
