"""What a flow leaves behind: columns of its result file, its checkpoint, and what makes a run stop."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.case import WEIGHT_LOSS
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.flow.equation import FlowMeasurement
from gbbgky_petsc.flow.problem import FlowProblem
from gbbgky_petsc.store.reader import arrays_of, opened
from gbbgky_petsc.store.writer import ResultWriter, Schema

#: share of the particles that negative rho may take away
NEGATIVE = 1e-2

SCHEMA = Schema(
    series={
        "t": ("time", "time"),
        "number": ("1", "int int rho: conserved but for what leaves through open ends"),
        "momentum": ("momentum", "int int theta rho"),
        "kinetic_energy": ("energy", "int int e rho"),
        "trap_energy": ("energy", "int U q"),
        "interaction_energy": ("energy", "1/2 int int V q q"),
        "total_energy": ("energy", "kinetic + trap + interaction: conserved while the trap stands still"),
        "entropy": ("1", "int int rho_s s(n)"),
        "centre": ("length", "mean x"),
        "width": ("length", "standard deviation of x"),
        "rapidity_width": ("momentum", "standard deviation of theta"),
        "negative": ("1", "share of the particles that negative rho takes away"),
        "edge": ("1", "share of the particles in the outer fiftieths of the rapidity window"),
        "step": ("time", "step at t"),
    },
    snapshots={
        "t": ("time", "time"),
        "rho": ("1/(length momentum)", "rho(theta, x); axes t, x, theta"),
        "density": ("1/length", "int rho dtheta; axes t, x"),
        "velocity": ("length/time", "int e' rho dtheta / density; axes t, x"),
        "temperature": ("energy", "variance of theta at x over the mass; axes t, x"),
    },
    axes={"rho": ("x", "theta"), "density": ("x",), "velocity": ("x",), "temperature": ("x",)},
)


def add_row(writer: ResultWriter, t: float, step: float, m: FlowMeasurement) -> None:
    """Append a measurement to /series."""
    writer.add_series(t=t, step=step, total_energy=m.total_energy, **asdict(m))


def check(problem: FlowProblem, t: float, m: FlowMeasurement) -> None:
    """Whether the mesh still holds the state; the same on every rank.

    Raises
    ------
    SolverError
        If the rapidity window is too narrow by now, or the mesh too coarse.
    """
    if m.edge > WEIGHT_LOSS:
        raise SolverError(
            f"mesh.theta_max = {problem.case.mesh.theta_max:g}: too narrow by t = {t:g}, where {m.edge:.1e} of the "
            f"particles are at the ends of the window (allowed: {WEIGHT_LOSS:g})"
        )
    if m.negative > NEGATIVE:
        raise SolverError(
            f"flow: negative rho takes away {m.negative:.1e} of the particles at t = {t:g} (allowed: {NEGATIVE:g}); "
            "the mesh is too coarse"
        )


@dataclass(frozen=True)
class FlowCheckpoint:
    """From where a flow goes on; the datasets of /checkpoint.

    Attributes
    ----------
    t, wall_seconds
        Time, and seconds spent so far.
    series_rows, snapshot_rows
        How much of the result file is older than this.
    rho, initial_rho : (Nx, N) the state, and the one at the start to recognise the run
    """

    t: float
    wall_seconds: float
    series_rows: int
    snapshot_rows: int
    rho: Array
    initial_rho: Array

    def store(self, writer: ResultWriter) -> None:
        """Make it part of the result file; it becomes real with the next flush."""
        writer.extra |= {
            f"checkpoint/{name}": (np.asarray(value), "", "checkpoint") for name, value in asdict(self).items()
        }

    @classmethod
    def load(cls, path: Path) -> "FlowCheckpoint":
        """The one of a result file; raises `InputError` if it has none, or one that is damaged."""
        with opened(path) as file:
            if "checkpoint" not in file:
                raise InputError(f"output {path}: holds no checkpoint to resume from")
            stored: dict[str, Any] = arrays_of(path, file, "checkpoint", tuple(cls.__dataclass_fields__))
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__})
