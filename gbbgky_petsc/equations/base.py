"""What a time integration asks of an equation."""

from collections.abc import Mapping
from typing import Any, Protocol

from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.equations.measurement import Measurement


class Equation(Protocol):
    """d state/dt = right-hand side, as `gbbgky_petsc.solvers.integrator.Integrator` needs it. Methods are collective.

    Attributes
    ----------
    prefix
        Of the PETSc options of its solvers.
    description
        One line with the source of the equation, as stored with results.
    comm
        Its ranks.
    rho_tolerance
        Error per step allowed in rho, relative to its maximum, unless -ts_atol is given.
    conserves
        Whether number, momentum and energy are invariants.
    has_entries
        Whether the Jacobian is assembled; otherwise PETSc's own preconditioners work on a matrix that stands for it.
    """

    prefix: str
    description: str
    comm: MPI.Intracomm
    rho_tolerance: float
    conserves: bool
    has_entries: bool

    def gather_rho(self, x: PETSc.Vec) -> Array:
        """rho, (N,) on every rank."""

    def presets(self, x: PETSc.Vec, ts_type: str | None = None) -> Mapping[str, str]:
        """Options of the solvers, without prefix, for a start at x; with ``ts_type``, if one was asked for."""

    def first_step(self, x: PETSc.Vec, start: float, end: float) -> float:
        """Size of the first step, time."""

    def tolerances(self, x: PETSc.Vec, rho_tolerance: float) -> PETSc.Vec:
        """Absolute errors per step: ``rho_tolerance`` in rho, and what the equation allows elsewhere."""

    def rhs(self, ts: PETSc.TS | None, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = the whole right-hand side."""

    @property
    def is_split(self) -> bool:
        """Whether some terms are for IMEX integrators to treat explicitly."""

    def explicit_rhs(self, ts: PETSc.TS, t: float, x: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = the terms to be treated explicitly."""

    def ifunction(self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, f: PETSc.Vec) -> None:
        """f = xdot - the other terms."""

    def create_jacobian(self, x: PETSc.Vec) -> PETSc.Mat:
        """The matrix of the implicit terms."""

    def ijacobian(
        self, ts: PETSc.TS, t: float, x: PETSc.Vec, xdot: PETSc.Vec, shift: float, J: PETSc.Mat, P: PETSc.Mat
    ) -> bool:
        """J = shift - derivative of the implicit terms."""

    def measure(self, x: PETSc.Vec) -> Measurement:
        """Observables of a state."""

    def record(self, x: PETSc.Vec) -> Mapping[str, Any]:
        """Further datasets of /snapshots by name; dearer than `measure`, hence taken at snapshots only."""

    def destroy(self) -> None:
        """Free PETSc objects."""
