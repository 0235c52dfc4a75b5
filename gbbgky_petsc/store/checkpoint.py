"""Checkpoints: from where a run goes on after it was killed or reached its end.

Everything but g is the group /checkpoint of the result file, so that one rename makes rows and state change together.
g is a raw file beside it, RESULT.checkpoint.STEP: float64, little endian, C order (z, theta, theta'), written and read
by all ranks through MPI-IO and the same for any number of them. It is complete before the result file names it, and
older ones are removed only after that.
"""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from mpi4py import MPI

from gbbgky_petsc.discrete.mesh import Array
from gbbgky_petsc.errors import InputError, SolverError

if TYPE_CHECKING:
    from gbbgky_petsc.fields import Fields  # importing it starts PETSc, which readers do not need


@dataclass(frozen=True)
class Checkpoint:
    """What /checkpoint holds; numbers as attributes, arrays as datasets.

    Attributes
    ----------
    t, number, step, longest_step
        See `gbbgky_petsc.solvers.integrator.Position`.
    preconditioner_rho : (N,)
        rho at which the preconditioner was built; NaN where none was.
    one_body : (N + 1,)
        rho and the absorbed energy.
    series_rows, snapshot_rows
        How much of the result file is older than this.
    wall_seconds
        Spent so far.
    initial_rho : (N,), potential : (Nz,)
        What the case made of its formulas and tables, to recognise it.
    """

    t: float
    number: int
    step: float
    longest_step: float
    preconditioner_rho: Array
    one_body: Array
    series_rows: int
    snapshot_rows: int
    wall_seconds: float
    initial_rho: Array
    potential: Array

    def write(self, file: h5py.File) -> None:
        """Add /checkpoint to a result file."""
        group = file.create_group("checkpoint")
        for name, value in asdict(self).items():
            if isinstance(value, np.ndarray):
                group.create_dataset(name, data=value)
            else:
                group.attrs[name] = value


def pair_path(result: Path, number: int) -> Path:
    """File with g after step ``number`` of a result file."""
    return result.with_name(f"{result.name}.checkpoint.{number}")


def read(result: Path) -> Checkpoint:
    """The checkpoint of a result file.

    Raises
    ------
    InputError
        If there is none or it is of another version.
    """
    try:
        with h5py.File(result, "r", driver="sec2") as file:
            if "checkpoint" not in file:
                raise InputError(f"output {result}: holds no checkpoint to resume from")
            group = file["checkpoint"]
            stored: dict[str, Any] = {name: group[name][()] for name in group} | dict(group.attrs)
    except OSError as error:
        raise InputError(f"output {result}: cannot be resumed ({str(error)[:80]})") from error
    if set(stored) != {field.name for field in fields(Checkpoint)}:
        raise InputError(f"output {result}: its checkpoint is of another version of gbbgky")
    return Checkpoint(**stored)


def check_pair(path: Path, entries: int) -> None:
    """Refuse a file that cannot hold a g of that many entries; raises `InputError`."""
    if not path.is_file():
        raise InputError(f"checkpoint {path}: is missing")
    if path.stat().st_size != 8 * entries:
        raise InputError(f"checkpoint {path}: has {path.stat().st_size} bytes; allowed: {8 * entries}")


def remove_others(result: Path, number: int | None) -> None:
    """Delete every g beside a result file but that of step ``number``."""
    name = re.compile(re.escape(result.name) + r"\.checkpoint\.\d+")
    for path in result.parent.iterdir():
        if name.fullmatch(path.name) and (number is None or path != pair_path(result, number)):
            path.unlink(missing_ok=True)


def write_pair(path: Path, layout: "Fields", pair: Array) -> None:
    """Write g, of which each rank has the slab (planes, N, N). Collective.

    Raises
    ------
    SolverError
        If the file cannot be written.
    """
    # a file of this name can only be the remains of an attempt that no result file names
    mode = MPI.MODE_WRONLY | MPI.MODE_CREATE
    _transfer(path, layout, mode, np.ascontiguousarray(pair, dtype="<f8"), MPI.File.Write_at_all)


def read_pair(path: Path, layout: "Fields") -> Array:
    """This rank's slab (planes, N, N) of g. Collective; raises `SolverError`."""
    pair = np.empty(layout.slab().shape, dtype="<f8")
    _transfer(path, layout, MPI.MODE_RDONLY, pair, MPI.File.Read_at_all)
    return pair.astype(float, copy=False)


def _transfer(path: Path, layout: "Fields", mode: int, slab: Array, how: Callable[..., None]) -> None:
    planes, n, _ = layout.slab().shape
    plane = MPI.DOUBLE.Create_contiguous(n * n).Commit()  # counts stay small whatever the mesh
    try:
        file = MPI.File.Open(layout.comm, str(path), mode)
        if mode & MPI.MODE_WRONLY:
            file.Set_size(8 * n * n * layout.mesh.z_points)
        how(file, 8 * n * n * layout.slab().planes.start, [slab, planes, plane])
        if mode & MPI.MODE_WRONLY:
            file.Sync()
        file.Close()
    except MPI.Exception as error:
        raise SolverError(f"checkpoint {path}: {error}") from error
    finally:
        plane.Free()
