"""One ring over the ranks of a communicator, by index ranges.

Rods never overtake, so an index range is a stretch of the ring and stays with its rank for ever. A rank exchanges with
its two neighbours the rods that can matter: those within twice the longest flight for the drift, those within its
reach for a force of finite reach; sums over modes are added over the ranks. No rank ever holds the ring.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.ring import Ring

#: fewest rods of a domain
SMALLEST_DOMAIN = 64
#: allowance for what kicks inside collisions add to the longest flight
FLIGHT_MARGIN = 1.25


class Domain:
    """Rods ``first`` .. ``last`` - 1 of a ring, held by this rank. Methods are collective over ``comm``.

    Parameters
    ----------
    ring
        Geometry of the whole ring.
    comm
        Communicator of the ranks that share it.

    Raises
    ------
    InputError
        If a domain would hold fewer than 64 rods.
    """

    def __init__(self, ring: Ring, comm: MPI.Comm = MPI.COMM_SELF) -> None:
        check_domains(ring, comm.size)
        self.ring, self.comm = ring, comm
        self.first, self.last = index_range(ring.particles, comm.size, comm.rank)

    def total(self, part: Array) -> Array:
        """Sum over the ranks of an array."""
        whole = np.empty_like(part)
        self.comm.Allreduce(part, whole)
        return whole

    def anywhere(self, holds: bool) -> bool:
        """Whether it holds on any rank."""
        return bool(self.comm.allreduce(int(holds), op=MPI.MAX))

    def exchange(self, to_left: Array, to_right: Array, turn: float) -> tuple[Array, Array]:
        """What the left neighbour sent to its right and the right neighbour to its left, as rows (m, k).

        The first row holds positions: those from beyond the ring's ends are shifted by one ``turn``.
        """
        rank, size = self.comm.rank, self.comm.size
        left, right = (rank - 1) % size, (rank + 1) % size
        from_left = self.comm.sendrecv(to_right, dest=right, sendtag=1, source=left, recvtag=1).copy()
        from_right = self.comm.sendrecv(to_left, dest=left, sendtag=2, source=right, recvtag=2).copy()
        from_left[0] -= turn if rank == 0 else 0.0
        from_right[0] += turn if rank == size - 1 else 0.0
        return from_left, from_right

    def within_reach(self, x: Array, reach: float) -> Array:
        """Positions of this rank's rods, x (n,), and of all others within ``reach``, in order.

        Raises
        ------
        InputError
            If a domain is shorter than ``reach``.
        """
        if self.anywhere(x[-1] - x[0] < reach):
            raise InputError(
                f"md.ranks_per_ring = {self.comm.size}: domains shorter than the force's reach {reach:g}; "
                "allowed: fewer ranks"
            )
        low, high = np.searchsorted(x, x[0] + reach), np.searchsorted(x, x[-1] - reach)
        left, right = self.exchange(x[None, :low], x[None, high:], self.ring.circumference)
        return np.concatenate([left[0], x, right[0]])

    def window(self, y: Array, v: Array, duration: float) -> "Window":
        """The rods that this rank's can meet within ``duration``.

        Raises
        ------
        InputError
            If some fly further than a domain is long.
        """
        fastest = self.comm.allreduce(float(np.abs(v).max()), op=MPI.MAX)
        span = 2.0 * FLIGHT_MARGIN * fastest * duration
        low = int(np.searchsorted(y, y[0] + span)) + 1
        high = int(y.size - np.searchsorted(y, y[-1] - span)) + 1
        if self.anywhere(max(low, high) > y.size):
            raise InputError(
                f"md.ranks_per_ring = {self.comm.size}: rods fly further than a domain is long in one step; "
                "allowed: fewer ranks or a smaller md.step"
            )
        return Window(self, low, high)


@dataclass(frozen=True)
class Window:
    """A domain with the last rods of its left and the first of its right neighbour: an open line.

    ``low`` and ``high`` are how many of this domain's own rods the left and the right neighbour need.
    """

    domain: Domain
    low: int
    high: int
    shift: float = -1.0  #: of `kernels.move`

    def gather(self, *rows: Array) -> tuple[Sequence[Array], slice]:
        """Rows of this rank's rods, contracted positions first, with those of its neighbours; where its own are."""
        own = np.stack(rows)
        left, right = self.domain.exchange(own[:, : self.low], own[:, -self.high :], self.domain.ring.contracted)
        whole = np.concatenate([left, own, right], axis=1)
        return list(whole), slice(left.shape[1], left.shape[1] + own.shape[1])


@dataclass(frozen=True)
class WholeRing:
    """The window of a rank that has the ring for itself: closed, nothing to gather."""

    shift: float

    def gather(self, *rows: Array) -> tuple[Sequence[Array], slice]:
        """The rows as they are."""
        return rows, slice(None)


def index_range(particles: int, ranks: int, rank: int) -> tuple[int, int]:
    """First and last + 1 of the rods of a rank."""
    return particles * rank // ranks, particles * (rank + 1) // ranks


def check_domains(ring: Ring, ranks: int) -> None:
    """Raise `InputError` if domains would hold fewer than 64 rods; one rank is always allowed."""
    if ranks > 1 and ring.particles < SMALLEST_DOMAIN * ranks:
        most = max(1, ring.particles // SMALLEST_DOMAIN)
        raise InputError(f"md.ranks_per_ring = {ranks}: domains of fewer than 64 rods; allowed: 1 to {most}")
