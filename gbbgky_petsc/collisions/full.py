"""The collision integral of the stationary state of layer 2 with contact, on the hierarchy's mesh."""

from petsc4py import PETSc

from gbbgky_petsc.arrays import Array
from gbbgky_petsc.collisions.on_mesh import MeshCorrelations
from gbbgky_petsc.collisions.operator import CollisionOperator, Collisions, register
from gbbgky_petsc.collisions.per_wavenumber import Landau
from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import IntegrableModel
from gbbgky_petsc.physics.potential import Potential


@register("full")
class Full(CollisionOperator):
    """I = d_theta int dz V' m with g of `gbbgky_petsc.collisions.on_mesh`; the last result is kept.

    Number and momentum are conserved to rounding, energy to the tolerance of GMRES and up to what the layer absorbs.

    Parameters
    ----------
    model, potential, mesh, comm
        As for `CollisionOperator`; z-slabs are shared out over the ranks.
    tolerance
        Relative error of GMRES.
    closure
        Contact closure.

    Raises
    ------
    InputError
        On a ring.
    """

    equation = "kinetic equation (9), collision integral of the stationary state of (SA.3), arXiv:2408.00593"
    accepts = frozenset({"tolerance", "closure"})
    linearises = False

    def __init__(
        self,
        model: IntegrableModel,
        potential: Potential,
        mesh: PhaseSpaceMesh,
        comm: PETSc.Comm = PETSc.COMM_WORLD,
        tolerance: float = 1e-5,
        closure: str = "fluctuation",
    ) -> None:
        if mesh.boundary is Boundary.PERIODIC:
            raise InputError(
                "hierarchy.boundary = periodic: a ring keeps the correlations that kind = full would have to let go; "
                "allowed: absorbing, zero"
            )
        super().__init__(model, potential, mesh, comm)
        self._correlations = MeshCorrelations(model, potential, mesh, closure, comm, tolerance)
        self._nearby = Landau(model, potential, mesh, comm, tolerance, staggered=False)
        self._last: tuple[Array, Collisions] | None = None

    def __call__(self, rho: Array) -> Collisions:
        """Collision integral at rho, (N,) and the same on every rank. Collective.

        Raises
        ------
        SolverError
            If GMRES does not converge.
        """
        if self._last is None or not (rho == self._last[0]).all():
            s = self._correlations.solve(rho)
            made = self._collisions(rho, s.rate, s.interaction_energy, s.density_correlation, 0.0, s.iterations)
            self._last = (rho.copy(), made)
        return self._last[1]

    def derivative(self, rho: Array, beta: float | None = None) -> Array:
        """That of ``landau``, (N, N): enough for a Rosenbrock-W method. Collective."""
        return self._nearby.derivative(rho, beta)
