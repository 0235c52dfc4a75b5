"""Coherent collisions as a source of layer 1 on top of an Euler layer 2."""

import numpy as np
import pytest
from assembled import check_operator_equals_assembled
from conftest import pair_correlation, state_vector
from petsc4py import PETSc
from scipy.integrate import trapezoid

from gbbgky_petsc.collisions import build
from gbbgky_petsc.fields import ONE_BODY
from gbbgky_petsc.physics.models import HardRods, LiebLiniger
from gbbgky_petsc.physics.potential import Gaussian, Potential
from gbbgky_petsc.physics.states import BoostedThermal
from gbbgky_petsc.solvers.integrator import Integrator

WEAK = {"potential": Potential(Gaussian(), 0.5, 8.0), "theta_max": 5.0, "theta_points": 24}


def run(hierarchy, end, **options):
    reports = []
    with Integrator(hierarchy, hierarchy.start(), options=options) as integrator:
        integrator.run(end, (), reports.append)
        final = hierarchy.fields.gather(integrator.state.array_r, ONE_BODY)
        krylov = integrator.krylov_iterations / integrator.ts.getStepNumber()
    return final, reports, krylov


@pytest.mark.parametrize(
    ("model", "state"),
    [(HardRods(1.0), BoostedThermal(0.2, 1.5, 1.0)), (LiebLiniger(2.0), BoostedThermal(0.2, 1.5, 1.0))],
)
@pytest.mark.parametrize("boundary", ["absorbing", "periodic"])
def test_number_momentum_and_energy_at_default_tolerances(small, model, state, boundary):
    h = small(boundary, relaxation="coherent", comm=PETSc.COMM_SELF, model=model, state=state, **WEAK)
    assert "coherent" in h.terms and "diffusion" not in h.terms
    _, reports, _ = run(h, 60.0)
    first = reports[0].measurement
    for m in (report.measurement for report in reports):
        assert abs(m.density / first.density - 1.0) < 1e-12
        assert abs(m.momentum) < 1e-12
        assert abs(m.total_energy / first.total_energy - 1.0) < 1e-12


def late_stage(small, strength, without=()):
    """Last measurement long after the fast stage, and the collision integral there."""
    weak = WEAK | {"potential": Potential(Gaussian(), strength, 8.0)}
    h = small("absorbing", relaxation="coherent", comm=PETSc.COMM_SELF, z_max=96.0, **weak)
    for name in without:
        h.terms.pop(name)
    _, reports, krylov = run(h, 900.0)
    last = reports[-1].measurement
    rate = build("coherent", h.model, h.potential, h.mesh, PETSc.COMM_SELF)(last.rho).rate
    return last, rate, krylov


def test_the_late_stage_is_that_of_the_kinetic_equation(small):
    """At weak V0: what correlations add by following rho is of second order in it, measured 6.6, 2.2, 0.6 %."""
    off = []
    for strength in (0.25, 0.125):
        last, rate, krylov = late_stage(small, strength)
        off.append(np.abs(last.rho_rate - rate).max() / np.abs(rate).max())
        assert krylov < 20.0
    assert off[1] < 0.01
    assert off[0] / off[1] > 3.0


def test_the_euler_layer_alone_is_blocked(small):
    last, rate, _ = late_stage(small, 0.125, without=("coherent",))
    assert np.abs(last.rho_rate).max() < 1e-3 * np.abs(rate).max()


def test_entropy_of_the_late_stage_grows(small):
    """Its rate is that of its value; on a mesh where rho is not negative anywhere, as it is on 24 points."""
    weak = WEAK | {"theta_points": 40}
    h = small("absorbing", relaxation="coherent", comm=PETSc.COMM_SELF, z_max=96.0, **weak)
    _, reports, _ = run(h, 900.0)
    late = [r for r in reports if r.t > 500.0]
    assert all(r.measurement.entropy_rate > 0.0 for r in late)
    grown = late[-1].measurement.entropy - late[0].measurement.entropy
    rates, times = np.array([(r.measurement.entropy_rate, r.t) for r in late]).T
    assert abs(grown / trapezoid(rates, times) - 1.0) < 0.01


@pytest.mark.parametrize("boundary", ["absorbing", "zero"])
def test_assembled_jacobian_equals_operator(small, boundary):
    h = small(boundary, relaxation="coherent", comm=PETSc.COMM_SELF, theta_points=10, z_spacing=6.0)
    x = state_vector(h, pair_correlation(h))
    check_operator_equals_assembled(h, x)


@pytest.mark.parametrize("preconditioner", ["lyapunov", "normal_modes"])
def test_preconditioners_keep_the_run(small, preconditioner):
    fixed = {"ts_adapt_type": "none", "ts_dt": 2.0, "ksp_rtol": 1e-9}
    ours, _, _ = run(small("absorbing", relaxation="coherent", comm=PETSc.COMM_SELF, **WEAK), 10.0, **fixed)
    theirs, _, _ = run(
        small("absorbing", relaxation="coherent", comm=PETSc.COMM_SELF, **WEAK),
        10.0, pc_python_type=preconditioner, **fixed,
    )  # fmt: skip
    np.testing.assert_allclose(theirs[:-1], ours[:-1], atol=1e-9)


@pytest.mark.parallel
def test_ranks_agree(small):
    one, _, _ = run(small("absorbing", relaxation="coherent", comm=PETSc.COMM_SELF, **WEAK), 20.0, ksp_rtol=1e-9)
    many, _, _ = run(small("absorbing", relaxation="coherent", **WEAK), 20.0, ksp_rtol=1e-9)
    np.testing.assert_allclose(many, one, atol=1e-9)
