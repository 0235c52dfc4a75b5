"""The memory that a run with triples takes, by count, before it takes it."""

import numpy as np
from mpi4py import MPI

from gbbgky_petsc.commands.doctor import available_memory
from gbbgky_petsc.equations.hierarchy import TRIPLE_RESTART, unknowns
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.parallel import together
from gbbgky_petsc.problem import Problem
from gbbgky_petsc.solvers.options import ScopedOptions
from gbbgky_petsc.terms.cells import TRIPLE

#: state vectors beside those of GMRES: of TS and SNES, the tolerances, halos, work space of terms and preconditioner;
#: what `benchmarks/four_fields.py` measures lies below the count
OTHER_VECTORS = 24


def bytes_needed(problem: Problem) -> int:
    """Bytes on all ranks together: vectors of GMRES up to its restart, and `OTHER_VECTORS`.

    Raises
    ------
    InputError
        If the restart that is asked for is no number.
    """
    h = problem.case.hierarchy
    numbers = sum(spec.numbers(problem.mesh) for spec in unknowns(problem.mesh, h.order, h.relaxation))
    options = ScopedOptions("", {"ksp_gmres_restart": str(TRIPLE_RESTART)}, problem.case.petsc)
    restart = int(options.number("ksp_gmres_restart") or TRIPLE_RESTART)
    return 8 * numbers * (restart + OTHER_VECTORS)


def check_memory(problem: Problem, world: MPI.Intracomm) -> None:
    """Refuse a run with triples that does not fit into the free memory of each node. Collective.

    Other orders are not judged: their vectors are small, and of the 60 of their GMRES few are ever used.

    Raises
    ------
    InputError
    """
    h = problem.case.hierarchy
    if TRIPLE not in {spec.name for spec in unknowns(problem.mesh, h.order, h.relaxation)}:
        return
    node = world.Split_type(MPI.COMM_TYPE_SHARED)
    needed = bytes_needed(problem) * node.size / world.size
    free = float(np.min(node.allgather(available_memory())))
    node.Free()

    def judge() -> None:
        if needed > free:
            raise InputError(
                f"mesh: order {h.order} on {problem.mesh.theta_points} rapidities and {problem.mesh.z_points} "
                f"separations takes {needed / 2**30:.1f} GiB on a node; allowed: the {free / 2**30:.1f} GiB that are "
                "free (coarser mesh, smaller ksp_gmres_restart in [petsc], more nodes, or hierarchy.order = full)"
            )

    together(world, judge)
