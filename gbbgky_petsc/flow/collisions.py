"""Collisions of the local state, on a theta-mesh of their own, as steps between those of the transport."""

from collections.abc import Callable

import numpy as np
from petsc4py import PETSc

from gbbgky_petsc import collisions
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.flow.equation import FlowEquation
from gbbgky_petsc.flow.problem import FlowProblem
from gbbgky_petsc.parallel import together

#: theta-points of the collision integral where the case does not say
POINTS = 48
#: density below which places are left alone, relative to the largest one
FAINT = 1e-4
#: error of a step, relative to the largest rho at the place
TOLERANCE = 1e-5
#: collision steps a crossing time of the cloud
STEPS = 4
#: options of [kinetic] that collisions of the local state cannot have
NOT_IN_SPACE = {
    "finite_length": "its tables are those of one density, which changes from place to place",
    "memory": "correlations that build up are those of a homogeneous gas at rest",
}


class LocalCollisions:
    """An operator I[rho(theta)] on a coarser mesh of the same window, brought to and from the fine one.

    Down by Fourier truncation; up by Fourier interpolation with a correction of rank three, after which the sums of
    1, theta and theta^2 are those on the coarse mesh to rounding. What conserves there conserves here.

    Parameters
    ----------
    operator
        From rho, (M,) on the coarse mesh, to I(theta), (M,).
    coarse, fine
        (M,) and (N,) midpoints of the same window, M <= N.
    """

    def __init__(self, operator: Callable[[Array], Array], coarse: Array, fine: Array) -> None:
        self._operator = operator
        k = np.arange(-((coarse.size - 1) // 2), (coarse.size - 1) // 2 + 1)
        period = fine.size * float(fine[1] - fine[0])
        to_coarse, to_fine = (np.exp(2j * np.pi / period * np.outer(nodes, k)) for nodes in (coarse, fine))
        if coarse.size == fine.size:
            self.down = self.up = np.eye(fine.size)
            return
        self.down = np.real(to_coarse @ to_fine.conj().T) / fine.size
        up = np.real(to_fine @ to_coarse.conj().T) / coarse.size
        p, q = (np.stack([np.ones_like(nodes), nodes, 0.5 * nodes**2], axis=1) for nodes in (fine, coarse))
        spread = np.exp(-0.5 * (fine / (0.25 * fine[-1])) ** 2)[:, None] * p
        dual = spread @ np.linalg.inv(p.T @ spread)
        ratio = fine.size / coarse.size  # of the quadrature weights
        for _ in range(2):  # the second sweep removes the rounding of the first
            up = up + dual @ (ratio * q.T - p.T @ up)
        self.up = up

    def rate(self, rho: Array) -> Array:
        """I on the fine mesh, (N,), of rho, (N,)."""
        return np.asarray(self.up @ self._operator(self.down @ rho))

    def change(self, start: Array, length: float) -> Array:
        """What collisions add to rho in a time ``length``, Heun's method with as many steps as it takes; (M,), both.

        Raises
        ------
        SolverError
            If a million steps are not enough.
        """
        now, t, step = start.copy(), 0.0, length
        largest = float(np.abs(start).max())
        first = self._operator(now)
        for _ in range(10**6):
            step = min(step, length - t)
            second = self._operator(now + step * first)
            error = 0.5 * step * float(np.abs(second - first).max()) / largest
            if error <= TOLERANCE:
                now = now + 0.5 * step * (first + second)
                t += step
                if t >= length * (1.0 - 1e-12):
                    return np.asarray(now - start)
                first = self._operator(now)
            step *= min(4.0, max(0.2, 0.9 * np.sqrt(TOLERANCE / max(error, 1e-300))))
        raise SolverError("flow.collisions: a collision step needs more than a million steps of its own")


def local_collisions(problem: FlowProblem) -> LocalCollisions | None:
    """The operator that the case asks for, set up once for all places; None for none. Local to the rank.

    Raises
    ------
    InputError
        For options of [kinetic] that have no meaning here.
    """
    case = problem.case
    if case.flow.collisions == "none":
        return None
    for key, why in NOT_IN_SPACE.items():
        if getattr(case.kinetic, key):
            raise InputError(f"kinetic.{key} = true: {why}; allowed with flow.collisions: false")
    points = case.flow.collision_points or min(POINTS, problem.theta.size)
    # z is for the pair correlation alone, which nobody asks for here
    xi = problem.potential.range
    mesh = PhaseSpaceMesh(case.mesh.theta_max, points, 4.0 * xi, 0.5 * xi)
    options = case.kinetic.model_dump(include={"tolerance", "staggered", "second_order", "screened"})
    operator = collisions.build(
        case.flow.collisions, problem.model, problem.potential, mesh, PETSc.COMM_SELF, **options
    )
    return LocalCollisions(operator.rate, mesh.theta, problem.theta)


class CollisionStep:
    """d rho/dt = I[rho(., x)] at every place with gas, for a while.

    Places with gas are dealt out to the ranks in turn, whatever slab they are of: in a trap most slabs are empty.

    Parameters
    ----------
    operator, equation, state
        I[rho]; the transport, whose rows of the state vector are changed in place.

    ``step`` is the time between two applications: ``flow.collision_step``, or a quarter of width over speed.
    """

    def __init__(self, operator: LocalCollisions, equation: FlowEquation, state: PETSc.Vec) -> None:
        self._operator, self._equation, self._state = operator, equation, state
        p = equation.problem
        start = equation.create_vector(p.rho)  # not where a resumed run stands
        m = equation.measure(start, 0.0)
        start.destroy()
        speed = float(p.model.energy_derivative(np.array([m.rapidity_width]))[0])
        self.step = p.case.flow.collision_step or m.width / (STEPS * speed)

    def __call__(self, length: float) -> None:
        """Let the gas collide for a time ``length``. Collective.

        Raises
        ------
        SolverError
            On all ranks, if collisions fail at any place.
        """
        equation, operator = self._equation, self._operator
        comm, rows = equation.comm, equation.rows
        q, rho = equation.density(self._state), equation.own(self._state)
        places = np.flatnonzero(q > FAINT * q.max())
        turn = np.arange(places.size) % comm.size
        inside = (places >= rows.start) & (places < rows.stop)
        dealt = [places[inside & (turn == rank)] - rows.start for rank in range(comm.size)]
        received = comm.alltoall([[operator.down @ rho[i] for i in mine] for mine in dealt])
        changes = together(comm, lambda: [[operator.change(start, length) for start in part] for part in received])
        for mine, changed in zip(dealt, comm.alltoall(changes), strict=True):
            for i, change in zip(mine, changed, strict=True):
                rho[i] += operator.up @ change
