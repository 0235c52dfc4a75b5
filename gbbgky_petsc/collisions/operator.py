"""What every collision operator is, and the register of them by name.

An operator is one file of this package with a class under ``@register("name")``: the name is what ``kinetic.kind`` of a
case may say, and ``accepts`` which other keys of that table it understands.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.potential import Potential


@dataclass(frozen=True)
class Collisions:
    """A collision integral with what comes along.

    Attributes
    ----------
    rate : (N,) I(theta)
    defects
        Number, momentum and energy created, each relative to the sum of the absolute contributions.
    interaction_energy
        Energy per particle of the stationary correlations.
    density_correlation : (Nz,) their int int g on the z-mesh
    error
        Estimated relative error of the quadrature over k; 0 for ``full``, which has none.
    effort
        Wavenumbers, or GMRES iterations for ``full``.
    """

    rate: Array
    defects: tuple[float, float, float]
    interaction_energy: float
    density_correlation: Array
    error: float
    effort: int


def defects(model: IntegrableModel, theta: Array, rate: Array) -> tuple[float, float, float]:
    """Number, momentum and energy created by d rho/dt, each relative to the sum of the absolute contributions."""
    tiny = float(np.finfo(float).tiny)
    number, momentum, energy = (
        abs(float((p * rate).sum())) / max(float(np.abs(p * rate).sum()), tiny)
        for p in (np.ones_like(theta), theta, model.energy(theta))
    )
    return number, momentum, energy


class CollisionOperator(ABC):
    """I[rho] of the kinetic equation d rho/dt = I[rho], eq. (9), on the theta-mesh.

    Subclasses take (model, potential, mesh, comm) and, by keyword, what they name in ``accepts``.

    Parameters
    ----------
    model, potential, mesh
        Integrable model and pair potential; theta-mesh (and z for the density correlation).
    comm
        All methods are collective on it.
    """

    kind: ClassVar[str]  #: name in the register
    equation: str  #: what is solved, as stored with results
    accepts: ClassVar[frozenset[str]] = frozenset()  #: options of the constructor
    linearises: ClassVar[bool] = True  #: whether `derivative` is that of this operator, good for a spectrum

    def __init__(
        self, model: IntegrableModel, potential: Potential, mesh: PhaseSpaceMesh, comm: PETSc.Comm = PETSc.COMM_WORLD
    ) -> None:
        self.model, self.potential, self.mesh = model, potential, mesh
        self.comm: MPI.Intracomm = comm.tompi4py()

    #: time in which I changes at fixed rho; infinite without memory
    response_time: float = np.inf

    def at(self, t: float) -> None:  # noqa: B027
        """Set how long correlations, none at first, have built up; operators without memory do not mind."""

    @abstractmethod
    def __call__(self, rho: Array) -> Collisions:
        """Collision integral at rho, (N,) and the same on every rank. Collective."""

    def rate(self, rho: Array) -> Array:
        """I(theta) at rho, (N,) each, and nothing else. Collective."""
        return self(rho).rate

    @abstractmethod
    def derivative(self, rho: Array, beta: float | None = None) -> Array:
        """dI/d rho, (N, N), exact in thermal states of inverse temperature beta. Collective."""

    def _collisions(
        self, rho: Array, rate: Array, energy: float, correlation: Array, error: float, effort: int
    ) -> Collisions:
        """The record of an application; ``energy`` is per unit length."""
        lost = defects(self.model, self.mesh.theta, rate)
        density = self.mesh.theta_weight * float(rho.sum())
        return Collisions(rate, lost, energy / density, correlation, error, effort)


Operator = TypeVar("Operator", bound=type[CollisionOperator])

_REGISTER: dict[str, type[CollisionOperator]] = {}
#: options that come from elsewhere in a case; an operator that has no use for one does not mind
AMBIENT = frozenset({"tolerance", "closure"})


def register(kind: str) -> Callable[[Operator], Operator]:
    """Class decorator: make a `CollisionOperator` available under this name."""

    def add(operator: Operator) -> Operator:
        operator.kind = kind
        _REGISTER[kind] = operator
        return operator

    return add


def kinds() -> dict[str, type[CollisionOperator]]:
    """Every operator by name; imports the modules of this package."""
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_REGISTER.items()))


def build(
    kind: str,
    model: IntegrableModel,
    potential: Potential,
    mesh: PhaseSpaceMesh,
    comm: PETSc.Comm = PETSc.COMM_WORLD,
    **options: Any,
) -> CollisionOperator:
    """The operator of that name. Collective.

    Parameters
    ----------
    kind
        Name in the register.
    model, potential, mesh, comm
        As for `CollisionOperator`.
    options
        Keys of the case's table [kinetic]; None means that the key is not given.

    Raises
    ------
    InputError
        For an unknown kind, an option that the kind has no use for, or what its constructor refuses.
    """
    known = kinds()
    if kind not in known:
        raise InputError(f"kinetic.kind = {kind!r}: unknown; allowed: {', '.join(known)}")
    accepts = known[kind].accepts
    for name, value in options.items():
        if value and name not in accepts | AMBIENT:
            able = ", ".join(k for k, operator in known.items() if name in operator.accepts)
            raise InputError(
                f"kinetic.{name} = {str(value).lower()}: kinetic.kind = {kind} has no such option; allowed with: {able}"
            )
    given = {name: value for name, value in options.items() if name in accepts and value is not None}
    return known[kind](model, potential, mesh, comm, **given)
