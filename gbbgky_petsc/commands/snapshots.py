"""Rows of /snapshots as their times come, and the fields that are kept whole beside the result."""

from collections.abc import Collection
from pathlib import Path

from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.equations.base import Equation
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.fields import Fields
from gbbgky_petsc.parallel import on_root
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrator import Progress
from gbbgky_petsc.store import snapshots
from gbbgky_petsc.store.blocks import DistributedArray
from gbbgky_petsc.store.writer import ResultWriter


def check_fields(names: Collection[str], slabs: Collection[str]) -> None:
    """Refuse to keep what is no field of the equation; raises `InputError`."""
    unknown = [name for name in names if name not in slabs]
    if unknown:
        raise InputError(f"output.fields = {unknown}: not in this order's equations; allowed: {', '.join(slabs)}")


class Snapshots:
    """Takes a snapshot whenever one is due. Construction and calls are collective.

    Parameters
    ----------
    problem, target
        Case and result file.
    equation, fields
        What is integrated.
    kept
        Fields to keep whole, see `check_fields`.
    writer
        The result file, on rank 0.
    least
        Times before this one are not due.
    taken
        Rows of /snapshots that are there.
    """

    def __init__(
        self,
        problem: Problem,
        target: Path,
        equation: Equation,
        fields: Fields,
        kept: tuple[str, ...],
        writer: ResultWriter | None,
        least: float,
        taken: int,
    ) -> None:
        self._unit, self._target = problem.unit, target
        self._equation, self._fields, self._kept, self._writer = equation, fields, kept, writer
        self._due = sorted({t for t in problem.case.output.snapshots_at if t >= least})
        self._row = taken
        on_root(fields.comm, lambda: snapshots.remove_from(target, taken))  # of what is overwritten or was cut off

    def __call__(self, p: Progress, x: PETSc.Vec) -> None:
        """Take one of the state x if it is due.

        Raises
        ------
        StorageError
            On all ranks, if a field cannot be kept.
        """
        if not self._due or p.t < self._due[0] * (1.0 - 1e-12):
            return
        self._due = [t for t in self._due if t > p.t * (1.0 + 1e-12)]
        recorded = {snapshots.column(name): self._keep(name, x) for name in self._kept}
        recorded |= self._equation.record(x)
        if self._writer is not None:
            m = p.measurement
            self._writer.add_snapshot(
                t=p.t, t_rescaled=p.t / self._unit, rho=m.rho, density_correlation=m.density_correlation, **recorded
            )
        self._row += 1

    def _keep(self, name: str, x: PETSc.Vec) -> float:
        parts = unfolded(self._fields, name, self._fields.part(x.array_r, name))
        return snapshots.write(self._target, self._row, name, *parts)


def held(fields: Fields, name: str, local: Array) -> list[DistributedArray]:
    """This rank's part of a field, as files take it."""
    block = fields.slab(name)
    return [DistributedArray(fields.comm, local, block.start, block.total)]


def unfolded(fields: Fields, name: str, local: Array) -> list[DistributedArray]:
    """The same on all of the z-mesh: of a mirrored field also what this rank's planes stand for."""
    block = fields.slab(name)
    pieces = [(block.start, local), block.reflection(local)]
    return [DistributedArray(fields.comm, piece, start, block.unfolded_total) for start, piece in pieces]
