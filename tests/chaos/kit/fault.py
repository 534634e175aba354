"""What a fault is: how it strikes, how it ends, how an operator tells it apart.

    Fault("kill -9", strike=lambda world: world.store.kill(), heal=lambda world: world.store.start(),
          told=Told(ready="can't be reached", log="waiting for the store", metric=("foldline_store_retries_total", {})))
"""

import dataclasses
from typing import Callable, Dict, Optional, Tuple

from .world import World


@dataclasses.dataclass(frozen=True)
class Told:
    """What a worker says while the fault lasts; each is asserted. `ready`: in the reasons of a 503 of /readyz. `log`: in a line written
    since the strike. `metric`: its sum is above what it was before."""

    ready: str = ""
    log: str = ""
    metric: Optional[Tuple[str, Dict[str, str]]] = None
    within_s: float = 40
    afterwards: bool = False  # it is told once the fault has ended: by who takes over, by who comes back


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    strike: Callable[[World], None]
    heal: Callable[[World], None]
    told: Optional[Told] = None
    untold: str = ""  # why nobody is told; each fault has the one or the other
    hold_s: Tuple[float, float] = (0.5, 2.0)  # how long it lasts once it is told
    times: int = 2
    workers: int = 1
    stores: Tuple[str, ...] = ("postgres",)
    worker_env: Tuple[Tuple[str, str], ...] = ()
    arguments: Tuple[str, ...] = ()
    needs: Optional[Callable[[], str]] = None  # why this machine can't make it; empty: it can
    progress_goes_on: bool = False  # while it lasts, too: asserted
    short: bool = False  # in the selection of a few minutes


WAITING_STORE = ("foldline_lane_state", {"state": "waiting_store"})
RETRIES = ("foldline_store_retries_total", {})
REWINDS = ("foldline_rewinds_total", {})
REBALANCES = ("foldline_rebalances_total", {})


def nothing(_: World) -> None:
    """The end of a fault that ends by itself."""
