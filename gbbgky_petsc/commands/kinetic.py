"""`gbbgky kinetic`: integrate the kinetic equation of a case and write its result file."""

import dataclasses
from pathlib import Path

import numpy as np
from petsc4py import PETSc
from rich.table import Table

from gbbgky_petsc import case as case_file
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions import CollisionOperator, build
from gbbgky_petsc.collisions.spectrum import Spectrum, spectrum
from gbbgky_petsc.commands.common import console
from gbbgky_petsc.commands.integrate import Job
from gbbgky_petsc.commands.record import Recorder
from gbbgky_petsc.commands.resumption import Resume
from gbbgky_petsc.equations.kinetic import KineticEquation
from gbbgky_petsc.equations.measurement import Measurement
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.store.reader import read
from gbbgky_petsc.store.writer import ResultWriter

#: tables that a resumed run may change
FREE = ("time", "output", "md", "petsc")


def start_from(problem: Problem, path: Path, at: float) -> tuple[Problem, float]:
    """The problem with the rho of a result's snapshot nearest to ``at``, and the time of that snapshot.

    Raises
    ------
    InputError
        If model or theta-mesh differ, there is no snapshot, or it lies beyond the end of the case.
    """
    result = read(path)
    if not len(result.snapshots["t"]):
        raise InputError(f"--from {path}: holds no snapshots; allowed: a result with output.snapshots_at")
    theirs, ours = result.case, problem.case
    if theirs.model != ours.model or theirs.coupling_note != ours.coupling_note:
        raise InputError(f"--from {path}: model is {_gas(theirs)}; allowed: that of the case, {_gas(ours)}")
    theta = result.mesh["theta"]
    if theta.shape != problem.mesh.theta.shape or not np.allclose(theta, problem.mesh.theta, rtol=0.0, atol=1e-12):
        raise InputError(
            f"--from {path}: its theta-mesh has {theta.size} points up to {theta[-1]:g}; allowed: that of the case, "
            f"{problem.mesh.theta_points} up to {problem.mesh.theta[-1]:g}"
        )
    times = result.snapshots["t"]
    nearest = int(np.abs(times - min(at, times[-1])).argmin())
    t = float(result.snapshots["t"][nearest])
    if t >= problem.end:
        raise InputError(f"--at {at:g}: the nearest snapshot, t = {t:g}, is not before the end {problem.end:g}")
    return dataclasses.replace(problem, rho=result.snapshots["rho"][nearest]), t


def _gas(case: case_file.Case) -> str:
    """The model of a case in words."""
    return ", ".join(filter(None, (str(case.model.model_dump(exclude_none=True)), case.coupling_note)))


class KineticRecorder(Recorder):
    """A `Recorder` whose conserved energy is the kinetic one: correlations are slaved to rho."""

    conserved = "kinetic_energy"

    def _energies(self, s: float, step: float, a: Measurement, b: Measurement, rho: Array) -> tuple[float, float]:
        return (1.0 - s) * a.interaction_energy + s * b.interaction_energy, 0.0


class MemoryRecorder(KineticRecorder):
    """Of a run with ``kinetic.memory``: correlations that build up take their energy from rho."""

    conserved = "total_energy"


def collision_integral(problem: Problem) -> CollisionOperator:
    """The one that the case asks for. Collective.

    Raises
    ------
    InputError, SolverError
    """
    k = problem.case.kinetic
    options = k.model_dump(exclude={"kind", "spectrum"}) | {"closure": problem.case.hierarchy.closure}
    return build(k.kind, problem.model, problem.potential, problem.mesh, PETSc.COMM_WORLD, **options)


def run(
    problem: Problem,
    target: Path,
    mode: Resume = Resume.NO,
    start: float = 0.0,
    origin: str = "[state]",
    summary: bool = True,
) -> None:
    """Integrate from ``start`` and write ``target``; ``origin`` says where rho comes from. Collective.

    Raises
    ------
    InputError, SolverError, StorageError, Stopped
    """
    k = problem.case.kinetic
    collisions = collision_integral(problem)
    equation = KineticEquation(collisions)
    modes = spectrum(collisions, problem.rho, k.spectrum) if k.spectrum else None

    def decorate(writer: ResultWriter) -> None:
        writer.attributes["rho_from"] = origin
        if modes is not None:
            store_spectrum(writer, modes)
            print_spectrum(modes, problem.unit)

    recorder = MemoryRecorder if k.memory else KineticRecorder
    job = Job(problem, target, start, mode, FREE, recorder, decorate, summary)
    job.run(equation, equation.fields, equation.initial_vector(problem.rho))


def store_spectrum(writer: ResultWriter, modes: Spectrum) -> None:
    """Put the spectrum in the result file."""
    writer.extra |= {
        "spectrum/rates": (modes.rates, "1/time", "slowest decay rates around the thermal state of the same energy"),
        "spectrum/modes": (modes.modes, "1", "their modes, maximum 1; axes mode, theta"),
        "spectrum/rho": (modes.rho, "1/(length momentum)", "the thermal state"),
        "spectrum/spread": (modes.spread, "momentum", "root mean square theta of each mode, weight mode^2/rho"),
        "spectrum/kurtosis_rate": (np.array(modes.kurtosis_rate), "1/time", "decay rate of a small kurtosis"),
        "spectrum/beta": (np.array(modes.beta), "1/energy", "inverse temperature of the thermal state"),
    }


def print_spectrum(modes: Spectrum, unit: float) -> None:
    """A table of decay rates."""
    table = Table("mode", "rate", "time", "time / unit", "parity", "rms theta")
    for i, (rate, mode, spread) in enumerate(zip(modes.rates, modes.modes, modes.spread, strict=True), 1):
        parity = "even" if np.abs(mode - mode[::-1]).max() < np.abs(mode + mode[::-1]).max() else "odd"
        table.add_row(str(i), f"{rate:.4e}", f"{1.0 / rate:.1f}", f"{1.0 / rate / unit:.4f}", parity, f"{spread:.2f}")
    rate = modes.kurtosis_rate
    table.add_row("kurtosis", f"{rate:.4e}", f"{1.0 / rate:.1f}", f"{1.0 / rate / unit:.4f}", "even", "")
    out = console()
    out.print(table)
    out.print(f"around the thermal state of beta = {modes.beta:.5f}; the slowest modes live in its tails")
