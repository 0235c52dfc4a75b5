"""Collisions of the local state: what they keep, where they vanish, and that they are those of the homogeneous gas."""

import numpy as np
import pytest
from petsc4py import PETSc
from test_flow import TRAPPED, flow

from gbbgky_petsc import collisions
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.equations.kinetic import KineticEquation
from gbbgky_petsc.flow.collisions import CollisionStep, LocalCollisions, local_collisions
from gbbgky_petsc.flow.equation import FlowEquation
from gbbgky_petsc.flow.integrate import FlowIntegrator
from gbbgky_petsc.solvers.integrator import Integrator

MESH = (7.0, 96)
MOMENTS = ("number", "momentum", "energy")


def moments(theta, values):
    """Sums of 1, theta and theta^2/2, over the last axis."""
    return np.stack([values.sum(axis=-1), values @ theta, values @ (0.5 * theta**2)])


def test_meshes_are_exchanged_without_loss():
    """A resolved density comes back, and the sums of 1, theta, theta^2 are kept for any change on the coarse mesh."""
    fine, coarse = ((np.arange(n) + 0.5) * 14.0 / n - 7.0 for n in (96, 40))
    between = LocalCollisions(lambda rho: None, coarse, fine)
    rho = np.exp(-0.5 * (fine - 0.5) ** 2)
    assert np.abs(between.down @ rho - np.exp(-0.5 * (coarse - 0.5) ** 2)).max() < 1e-10
    assert np.abs(between.up @ (between.down @ rho) - rho).max() < 1e-9
    noise = np.random.default_rng(3).standard_normal(40) * np.exp(-0.5 * coarse**2)
    assert np.abs(moments(fine, between.up @ noise) / 96 - moments(coarse, noise) / 40).max() < 1e-13


@pytest.mark.parametrize("kind", ["coherent", "landau"])
def test_local_rate_is_that_of_the_homogeneous_gas(kind):
    """The same operator on the fine mesh itself is the reference; that of (10) converges slowly in the spacing."""
    boosted = {"kind": "boosted_thermal", "density": 0.2, "beta": 1.5, "boost": 1.2}
    keywords = {"state": boosted, "trap": None, "mesh": (7.0, 64), "strength": 1.0, "collisions": kind}
    p = flow(**keywords, collision_points=40, space={"boundary": "periodic", "points": 32})
    whole = flow(**keywords, collision_points=64, space={"boundary": "periodic", "points": 32})
    rate, reference = local_collisions(p).rate(p.rho[0]), local_collisions(whole).rate(p.rho[0])
    assert np.abs(reference).max() > 0.0
    assert np.abs(rate - reference).max() < {"coherent": 1e-2, "landau": 4e-2}[kind] * np.abs(reference).max()
    assert np.abs(moments(p.theta, rate)).max() < 1e-12 * np.abs(rate).sum()


def test_options_of_collisions_hold_in_space():
    """The second order in V changes the local rate as it does that of the homogeneous gas."""
    boosted = {"kind": "boosted_thermal", "density": 0.2, "beta": 1.5, "boost": 1.2}
    keywords = {"state": boosted, "trap": None, "mesh": (7.0, 40), "strength": 1.0, "collisions": "coherent"}
    p = flow(**keywords, collision_points=40, space={"boundary": "periodic", "points": 32},
             kinetic={"second_order": True})  # fmt: skip
    mesh = PhaseSpaceMesh(p.case.mesh.theta_max, p.theta.size, 12.0, 1.5)
    first, second = (
        collisions.build("coherent", p.model, p.potential, mesh, PETSc.COMM_SELF, second_order=more).rate(p.rho[0])
        for more in (False, True)
    )
    assert np.abs(local_collisions(p).rate(p.rho[0]) - second).max() < 1e-12 * np.abs(second).max()
    assert np.abs(second - first).max() > 1e-2 * np.abs(first).max()


def test_collisions_heat_nothing_and_make_entropy():
    p = flow(state=TRAPPED | {"boost": 1.5, "beta": 2.0}, mesh=MESH, strength=4.0, collisions="coherent",
             collision_points=32, space={"points": 32})  # fmt: skip
    with FlowEquation(p, PETSc.COMM_SELF) as equation, FlowIntegrator(equation, p.rho, 0.0) as integrator:
        step = CollisionStep(local_collisions(p), equation, integrator.state)
        before = equation.measure(integrator.state, 0.0)
        local = moments(p.theta, p.rho)
        for _ in range(3):
            step(20.0)
            after = equation.measure(integrator.state, 0.0)
            assert after.entropy > before.entropy
        rho = equation.own(integrator.state, readonly=True)
        assert np.abs(moments(p.theta, rho) - local).max() < 1e-12 * np.abs(local).max()  # at every place
        assert np.abs(rho - p.rho).max() > 1e-6 * p.rho.max()


def test_thermal_state_of_the_trap_is_null():
    """Against the rate of a split cloud of the same density."""
    keywords = {"mesh": MESH, "strength": 4.0, "collisions": "coherent", "collision_points": 48}
    thermal, split = flow(**keywords), flow(**keywords, state=TRAPPED | {"boost": 1.0})
    operator = local_collisions(thermal)
    middle = thermal.space.points // 2
    null, alive = (np.abs(operator.rate(p.rho[middle])).max() for p in (thermal, split))
    assert null < 1e-8 * alive


def evolved(p, step, count):
    """rho (Nx, N) and the measurement after ``count`` Strang steps of transport and collisions."""
    with FlowEquation(p, PETSc.COMM_SELF) as equation, FlowIntegrator(equation, p.rho, 0.0) as integrator:
        collide = CollisionStep(local_collisions(p), equation, integrator.state)
        for n in range(count):
            integrator.advance((n + 0.5) * step)
            collide(step)
            integrator.advance((n + 1) * step)
        return equation.own(integrator.state, readonly=True).copy(), equation.measure(integrator.state, count * step)


def test_homogeneous_gas_is_that_of_the_kinetic_equation():
    """Flow of a uniform state against `KineticEquation` with its own time integrator on the same theta mesh."""
    boosted = {"kind": "boosted_thermal", "density": 0.2, "beta": 1.5, "boost": 1.2}
    p = flow(state=boosted, trap=None, mesh=(7.0, 32), strength=4.0, collisions="coherent", collision_points=32,
             diffusion=True, space={"boundary": "periodic", "points": 16, "order": 4})  # fmt: skip
    end = 40.0
    rho, _ = evolved(p, 0.5 * end, 2)
    mesh = PhaseSpaceMesh(7.0, 32, 12.0, 1.5)
    operator = collisions.build("coherent", p.model, p.potential, mesh, PETSc.COMM_SELF)
    equation = KineticEquation(operator)
    explicit = {"ts_type": "rk", "ts_rk_type": "3bs", "ts_adapt_type": "none", "ts_dt": 0.5 * end}
    with Integrator(equation, equation.initial_vector(p.rho[0]), 0.0, end, explicit) as integrator:
        integrator.run(end, (), lambda _: None)
        reference = equation.gather_rho(integrator.state)
    change = np.abs(reference - p.rho[0]).max()
    assert change > 1e-2 * p.rho.max()
    assert np.abs(rho - reference).max() < 1e-2 * change


def test_kohn_mode_with_collisions():
    """A split cloud off centre: collisions change its shape, not the swing of its centre of mass."""
    p = flow(state=TRAPPED | {"number": 5.0, "boost": 1.0, "offset": 8.0}, mesh=(9.0, 64), strength=3.0,
             collisions="coherent", collision_points=48, space={"points": 96})  # fmt: skip
    _, m = evolved(p, 12.5, 2)
    assert m.centre == pytest.approx(8.0 * np.cos(0.1 * 25.0), abs=1e-6)  # 1e-5 with 32 collision points


def test_thermal_state_of_the_trap_stays_with_everything_on():
    """Transport with V, diffusion and collisions together; mesh as in `test_flow`."""
    state = TRAPPED | {"number": 12.0}
    keywords = {"strength": 4.0, "mesh": (8.0, 96), "space": {"points": 160, "order": 12}, "diffusion": True,
                "collisions": "coherent", "collision_points": 48}  # fmt: skip
    p, other = flow(state=state, **keywords), flow(state=state | {"boost": 0.1}, **keywords)
    rho, _ = evolved(p, 5.0, 1)
    assert np.abs(rho - p.rho).max() < 1e-8 * p.rho.max()
    assert np.abs(evolved(other, 5.0, 1)[0] - other.rho).max() > 1e-5 * p.rho.max()  # it would show
