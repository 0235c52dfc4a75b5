"""Encounters of three classical particles in the limit of weak V0: rods V0^2, free particles V0^4.

The name of a special case of `gbbgky_petsc.collisions.coherent`: with rods the first order in V, without, where that
vanishes, the second one alone.
"""

from petsc4py import PETSc

from gbbgky_petsc.collisions.coherent import Coherent
from gbbgky_petsc.collisions.operator import register
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.models import HardRods, IntegrableModel
from gbbgky_petsc.physics.potential import Potential


@register("three_body")
class ThreeBody(Coherent):
    """Leading order in V0 of rods or of free particles; parameters as for `CollisionOperator`.

    Raises
    ------
    InputError
        For another model.
    """

    equation = "kinetic equation of encounters of three, leading order in V0"
    accepts = frozenset({"tolerance"})

    def __init__(
        self,
        model: IntegrableModel,
        potential: Potential,
        mesh: PhaseSpaceMesh,
        comm: PETSc.Comm = PETSc.COMM_WORLD,
        tolerance: float = 1e-5,
    ) -> None:
        if not isinstance(model, HardRods):
            raise InputError("kinetic.kind = three_body: is classical; allowed: model.kind = hard_rods, classical free")
        super().__init__(model, potential, mesh, comm, tolerance, second_order=model.length == 0.0)
