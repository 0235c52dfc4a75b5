"""Collisions of the local state: what they keep, where they vanish, and that they are those of the homogeneous gas."""

import numpy as np
import pytest
from petsc4py import PETSc
from test_flow import TRAPPED, flow

from gbbgky_petsc.flow.collisions import CollisionStep, LocalCollisions, local_collisions
from gbbgky_petsc.flow.equation import FlowEquation
from gbbgky_petsc.flow.integrate import FlowIntegrator

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


def test_collisions_heat_nothing_and_make_entropy():
    p = flow(state=TRAPPED | {"boost": 1.5, "beta": 2.0}, mesh=MESH, strength=4.0, collisions="coherent",
             collision_points=32, space={"points": 64})  # fmt: skip
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
