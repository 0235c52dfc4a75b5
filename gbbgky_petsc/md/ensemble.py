"""Realisations over groups of ranks, measured at given times.

Samples are keyed by realisation and every realisation is measured on its own; sums over realisations are formed once,
in order of realisation. The statistics are therefore bit for bit the same for any number of ranks at one rank per ring.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from gbbgky_petsc.errors import InputError
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.forces import choose_force
from gbbgky_petsc.md.plan import Plan
from gbbgky_petsc.md.rods import Rods
from gbbgky_petsc.md.stepper import advance


@dataclass(frozen=True)
class Batch:
    """Finished realisations.

    Attributes
    ----------
    realisation : (R,) their numbers
    samples : (R, T, ...) or (R, S, ...) by name, see `Plan.probes`; T times, S snapshots
    sums : (2, S, ...) int64, sums and sums of squares over the realisations, by name
    """

    realisation: NDArray[np.int64]
    samples: dict[str, NDArray[np.generic]]
    sums: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @classmethod
    def join(cls, batches: Iterable["Batch"]) -> "Batch":
        """All realisations of several batches in order of realisation."""
        parts = list(batches)
        realisation = np.concatenate([part.realisation for part in parts])
        order = np.argsort(realisation, kind="stable")
        names = parts[0].samples
        joined = {name: np.concatenate([part.samples[name] for part in parts])[order] for name in names}
        sums = {name: np.sum([part.sums[name] for part in parts], axis=0) for name in parts[0].sums}
        return cls(realisation[order], joined, sums)

    @classmethod
    def empty(cls, plan: Plan, realisations: Sequence[int] = ()) -> "Batch":
        """A batch to be filled."""
        samples, sums = {}, {}
        for name, probe in plan.probes().items():
            times = plan.snapshot_times.size if probe.at_snapshots else len(plan.times)
            if probe.summed:
                sums[name] = np.zeros((2, times, *probe.shape), np.int64)
            else:
                samples[name] = np.zeros((len(realisations), times, *probe.shape), probe.dtype)
        return cls(np.asarray(realisations, np.int64), samples, sums)

    @classmethod
    def stored(cls, plan: Plan, datasets: dict[str, NDArray[np.generic]]) -> "Batch":
        """From `datasets`."""
        summed = {name: probe.summed for name, probe in plan.probes().items()}
        samples = {name: datasets[name] for name, is_sum in summed.items() if not is_sum}
        sums = {name: datasets[name].astype(np.int64) for name, is_sum in summed.items() if is_sum}
        return cls(datasets["realisation"].astype(np.int64), samples, sums)

    def datasets(self) -> dict[str, NDArray[np.generic]]:
        """What a file must hold of it."""
        return {"realisation": self.realisation, **self.samples, **self.sums}


class Ensemble:
    """Runs a plan over a communicator.

    Parameters
    ----------
    plan
        What to run.
    comm
        Its size must be a multiple of the plan's ranks per ring.

    Raises
    ------
    InputError
        If it is not, or the force does not fit the ring.
    """

    def __init__(self, plan: Plan, comm: MPI.Comm) -> None:
        per_ring = plan.settings.ranks_per_ring
        if comm.size % per_ring:
            raise InputError(f"md.ranks_per_ring = {per_ring}: allowed: divisors of the {comm.size} ranks")
        self.plan, self.comm = plan, comm
        self.groups, self.group = comm.size // per_ring, comm.rank // per_ring
        self.force = choose_force(plan.potential, plan.ring.circumference, plan.settings.force_tolerance)
        self.rods = plan.start(self.force)  #: the rods of a domain at t = 0
        self._probes = plan.probes()
        times = np.asarray(plan.times, float)
        self._intervals = np.diff(times, prepend=0.0)
        self._snapshot = {int(t): s for s, t in enumerate(np.searchsorted(times, plan.snapshot_times))}

    def batches(self, size: int = 16, done: Iterable[int] = (), seconds: float | None = None) -> Iterator[Batch]:
        """Finished realisations, ``size`` per group of ranks at a time. Collective: every rank must exhaust it.

        With ``seconds`` the first round has one realisation per group and the size then follows from the time a round
        takes, up to ``size``. Rank 0 receives the realisations of all groups; the others receive empty batches.
        ``done`` are realisations to leave out, the same on every rank: with the batches saved before it resumes a run.
        """
        skip = set(done)
        left = [r for r in range(self.plan.settings.realisations) if r not in skip]
        members = self.comm.Split(self.group, self.comm.rank)
        try:
            domain = Domain(self.plan.ring, members)
            each = size if seconds is None else 1
            while left:
                now, left = left[: each * self.groups], left[each * self.groups :]
                started = MPI.Wtime()
                batch = self._run(now[self.group :: self.groups], domain)
                shown = batch if members.rank == 0 else Batch.empty(self.plan)
                parts = self.comm.gather(shown)
                if seconds is not None:
                    elapsed = self.comm.allreduce(MPI.Wtime() - started, op=MPI.MAX)
                    each = min(size, max(1, int(each * min(seconds / elapsed, 4.0))))
                yield Batch.join(parts) if parts is not None else Batch.empty(self.plan)
        finally:
            members.Free()

    def _run(self, realisations: Sequence[int], domain: Domain) -> Batch:
        plan, batch = self.plan, Batch.empty(self.plan, realisations)
        for row, realisation in enumerate(realisations):
            rods = self.rods(domain, realisation)
            for t, interval in enumerate(self._intervals):
                if interval > 0.0:
                    advance(rods, interval, plan.longest_step, plan.settings.integrator)
                self._measure(rods, batch, row, t)
        return batch

    def _measure(self, rods: Rods, batch: Batch, row: int, t: int) -> None:
        for name, probe in self._probes.items():
            column = self._snapshot.get(t) if probe.at_snapshots else t
            if column is None:
                continue
            found = probe.measure(rods)
            if probe.summed:
                whole = found.astype(np.int64)
                batch.sums[name][0, column] += whole
                batch.sums[name][1, column] += whole**2
            else:
                batch.samples[name][row, column] = found
