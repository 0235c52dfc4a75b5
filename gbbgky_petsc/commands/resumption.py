"""Going on with a run: what an output holds of it, and the checkpoints that make it possible. Knows no equation."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from gbbgky_petsc import case as case_file
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.errors import GbbgkyError, InputError, Stopped, StorageError
from gbbgky_petsc.parallel import on_root
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.integrator import Position
from gbbgky_petsc.store import checkpoint as checkpoints
from gbbgky_petsc.store.blocks import DistributedArray
from gbbgky_petsc.store.checkpoint import Checkpoint
from gbbgky_petsc.store.reader import Result, read, read_checkpoint
from gbbgky_petsc.store.writer import ResultWriter

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm

#: tables that a resumed run may change
FREE = ("time", "output", "kinetic", "md", "petsc")


class Resume(Enum):
    """What to do with an output that is there."""

    NO = "no"  #: refuse it, or overwrite it with --force
    MUST = "must"  #: go on with it
    AUTO = "auto"  #: go on with it, or start where there is nothing to go on with


class Finished(GbbgkyError):
    """With `Resume.AUTO`: the run has reached its end already, which is no failure."""

    status = 0


class Point(Protocol):
    """What every checkpoint says: its time, and how much of the result file is older."""

    @property
    def t(self) -> float: ...

    @property
    def series_rows(self) -> int: ...

    @property
    def snapshot_rows(self) -> int: ...


AnyPoint = TypeVar("AnyPoint", bound=Point)


def earlier(
    case: case_file.Case, target: Path, mode: Resume, free: Collection[str], load: Callable[[Path], AnyPoint]
) -> tuple[Result, AnyPoint] | None:
    """What ``target`` holds of a run of this case; None where it starts from its beginning. On one rank.

    Parameters
    ----------
    free
        Tables and keys of the case that may differ.
    load
        The checkpoint of a result file; raises `InputError` where there is none.

    Raises
    ------
    InputError
        If there is something else, or (`Resume.MUST`) no such run or no checkpoint.
    """
    if mode is Resume.NO or (mode is Resume.AUTO and not target.exists()):
        return None
    if not target.exists():
        raise InputError(f"output {target}: does not exist; allowed with --resume: the result of an earlier run")
    result = read(target)
    difference = case_file.first_difference(case, result.case, free)
    if difference is not None:
        raise InputError(f"{difference}; allowed to differ with --resume: {', '.join(f'[{name}]' for name in free)}")
    try:
        return result, load(target)
    except InputError:
        if mode is Resume.AUTO and not result.attributes["complete"]:
            return None  # killed before its first checkpoint
        raise


def check_left(case: case_file.Case, end: float, mode: Resume, result: Result, point: Point) -> None:
    """Whether there is something left to do behind a checkpoint, and nothing before it.

    Raises
    ------
    InputError
        If there is nothing left to do up to ``end``, or a snapshot of the case was left out.
    Finished
        With `Resume.AUTO`, if nothing is left to do.
    """
    if end <= point.t * (1.0 + 1e-12):
        if mode is Resume.AUTO and (result.attributes["complete"] or end >= point.t * (1.0 - 1e-12)):
            raise Finished(f"{result.path} is complete, at t = {point.t:g}")
        raise InputError(f"time.end = {end:g}: output {result.path} is there already; allowed: beyond {point.t:g}")
    have = result.snapshots["t"][: point.snapshot_rows]
    missed = [t for t in case.output.snapshots_at if t <= point.t and not np.any(np.isclose(have, t))]
    if missed:
        raise InputError(f"output.snapshots_at = {missed}: before the checkpoint; allowed: beyond {point.t:g}")


def stopped(signal: str, t: float, saved: bool) -> Stopped:
    """How to go on after a signal at time t; to be raised by the caller."""
    if not saved:
        return Stopped(f"stopped by {signal} at t = {t:g}; nothing to go on from, output.checkpoint_seconds is 0")
    return Stopped(f"stopped by {signal} at t = {t:g}, state saved; the same command with --resume goes on")


@dataclass(frozen=True)
class Resumption:
    """An earlier part of the same run: its result file and checkpoint."""

    result: Result
    checkpoint: Checkpoint

    @classmethod
    def find(
        cls,
        problem: Problem,
        target: Path,
        mode: Resume,
        totals: Mapping[str, tuple[int, int]],
        free: Collection[str] = FREE,
    ) -> "Resumption | None":
        """What ``target`` holds of a run of this problem; None where it starts from its beginning. On one rank.

        Parameters
        ----------
        totals
            Entries of each block of the state that is cut over ranks, as it is held and on all of the z-mesh.
        free
            Tables and keys of the case that may differ.

        Raises
        ------
        InputError
            If there is something else, or (`Resume.MUST`) no such run, no checkpoint, or nothing left to do.
        Finished
            If (`Resume.AUTO`) there is nothing left to do.
        """
        found = earlier(problem.case, target, mode, free, read_checkpoint)
        if found is None:
            return None
        result, point = found
        for name, values in fingerprint(problem).items():
            if not np.allclose(
                point.array(target, name, values.shape), values, rtol=1e-9, atol=1e-12 * np.abs(values).max()
            ):
                raise InputError(f"output {target}: its run had another {name.replace('_', ' ')} (a table has changed)")
        check_left(problem.case, problem.end, mode, result, point)
        checkpoints.check_blocks(target, point, totals)
        return cls(result, point)

    @classmethod
    def agree(
        cls,
        comm: "Intracomm",
        problem: Problem,
        target: Path,
        mode: Resume,
        totals: Mapping[str, tuple[int, int]],
        free: Collection[str] = FREE,
    ) -> "Resumption | None":
        """What `find` says on rank 0, on all ranks. Collective."""
        return on_root(comm, lambda: cls.find(problem, target, mode, totals, free))


def fingerprint(problem: Problem) -> dict[str, Array]:
    """What a case makes of its formulas and tables: initial rho (N,) and the pair potential on the mesh (Nz,)."""
    return {"initial_rho": problem.rho, "potential": problem.potential(problem.mesh.z)}


class Checkpointer:
    """Writes a checkpoint after a step if the last one is old enough. Methods are collective.

    Parameters
    ----------
    problem, target
        Case and result file.
    comm
        All ranks of the run.
    position
        Where the integration stands.
    whole
        What goes to /checkpoint as whole arrays, by name.
    blocks
        The blocks of the state that are cut over ranks, by name.
    writer
        The result file, on rank 0.
    spent
        Wall seconds of the run before.
    number
        Step of the checkpoint that is there, if any.
    """

    def __init__(
        self,
        problem: Problem,
        target: Path,
        comm: "Intracomm",
        position: Callable[[], Position],
        whole: Callable[[], Mapping[str, Array]],
        blocks: Callable[[], Mapping[str, DistributedArray]],
        writer: ResultWriter | None,
        spent: float,
        number: int | None,
    ) -> None:
        self._problem, self._target, self._comm, self._writer = problem, target, comm, writer
        self._position, self._whole, self._blocks = position, whole, blocks
        self._seconds = problem.case.output.checkpoint_seconds
        self._started = self._last = time.monotonic()
        self._spent = spent
        self._number = number

    @property
    def wall_seconds(self) -> float:
        """Spent on the run so far, earlier parts included."""
        return self._spent + time.monotonic() - self._started

    def write_if_due(self) -> None:
        due = self._seconds > 0.0 and time.monotonic() - self._last > self._seconds
        if self._comm.bcast(due):  # the clock of rank 0 decides
            self.write()

    def write(self) -> None:
        """Write the blocks, then the result file that names them, then remove older ones.

        Raises
        ------
        StorageError
            On all ranks, if that fails; the former checkpoint is as it was.
        """
        position = self._position()
        if self._seconds == 0.0 or position.number == self._number:
            return
        checksums = checkpoints.write_blocks(self._target, position.number, self._blocks())
        arrays = self._whole()
        on_root(self._comm, lambda: self._name(position, arrays, checksums))
        self._number, self._last = position.number, time.monotonic()

    def _name(self, position: Position, arrays: Mapping[str, Array], checksums: dict[str, str]) -> None:
        """Have the result file name the blocks of a position."""
        writer = self._writer
        assert writer is not None
        former = writer.checkpoint
        writer.checkpoint = Checkpoint(
            t=position.t,
            number=position.number,
            step=position.step,
            longest_step=position.longest_step,
            arrays=dict(arrays) | fingerprint(self._problem),
            series_rows=len(writer.series["t"]),
            snapshot_rows=len(writer.snapshots["t"]),
            wall_seconds=self.wall_seconds,
            blocks=checksums,
        )
        try:
            writer.flush(complete=False)
        except StorageError:
            writer.checkpoint = former
            checkpoints.remove(self._target, position.number)
            raise
        checkpoints.remove_others(self._target, position.number)

    def stop(self, signal: str) -> Stopped:
        """Save, and say how to go on after a signal; to be raised by the caller. Collective."""
        self.write()
        return stopped(signal, self._position().t, self._seconds > 0.0)
