"""The vertex of rods of finite length; its scattering against molecular dynamics is in tests/test_three_body.py."""

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc
from scipy.integrate import simpson

from gbbgky_petsc.collisions import build
from gbbgky_petsc.collisions.pair_table import PairTable
from gbbgky_petsc.collisions.rod_lengths import RodPotential
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.models import FreeParticles, HardRods, LiebLiniger
from gbbgky_petsc.physics.potential import Exponential, Gaussian, Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal
from gbbgky_petsc.validation.encounters import encounter_rate

MESH = PhaseSpaceMesh(5.0, 32, z_max=100.0, z_spacing=5.0)


def finite(model, range=8.0, **options):
    return build("coherent", model, Potential(Gaussian(), 1.0, range), MESH, PETSc.COMM_SELF, **options)


def density_of(model, density=0.2):
    return BoostedThermal(density, 2.5, 1.0).sample(MESH.theta, MESH.theta_weight, model)


def kurtosis_rate(collisions, rho):
    return observables.kurtosis_rate(MESH.theta, rho, collisions.rate(rho))


def test_exponential_in_closed_form():
    """V = e^-bx/xi: F_m = (e^-ba - 1)^m e^(-ba - mu x)/xi with mu = (1 - a rho) b + rho (1 - e^-ba)."""
    a, rho, xi = 1.2, 0.3, 4.0
    b, k = 1.0 / xi, np.geomspace(1e-4, 1e3, 60)
    step = -np.expm1(-b * a)
    mu = (1.0 - a * rho) * b + rho * step
    slope = step * np.exp(-b * a) * b**2 / (xi * a * mu**2)
    found = RodPotential(Potential(Exponential(), 1.0, xi), a, rho).fourier(k)
    np.testing.assert_allclose(found, 2.0 * slope / (mu**2 + k**2), rtol=1e-11)


@pytest.mark.parametrize("shape", [Gaussian(), Power(6.0)], ids=["gaussian", "power"])
def test_short_rods_see_the_potential_itself(shape):
    """At low density the change is that of V'(x + 3a/2), to first order in a/xi."""
    k = np.linspace(0.1, 3.0, 15)
    exact = Potential(shape, 1.0, 1.0).fourier(k)
    change = [RodPotential(Potential(shape, 1.0, 1.0), a, 0.0).fourier(k) - exact for a in (1e-3, 2e-3)]
    np.testing.assert_allclose(2.0 * change[0], change[1], atol=0.01 * np.abs(change[1]).max())
    # V'(x + 3a/2) - V'(x): - (2/k) (3a/2) int_0^infinity V'' sin kx dx
    x = np.linspace(0.0, 40.0, 400_001)
    curvature = np.gradient(Potential(shape, 1.0, 1.0).derivative(x), x)
    integral = np.array([simpson(curvature * np.sin(one * x), x=x) for one in k])
    np.testing.assert_allclose(change[0], -3e-3 * integral / k, atol=0.01 * np.abs(change[0]).max())


@pytest.mark.parametrize(
    ("length", "density", "xi"), [(0.5, 0.1, 20.0), (1.0, 0.1, 20.0), (1.0, 0.2, 10.0), (6.0, 0.1, 20.0)]
)
def test_table_behind_a_flat_top(length, density, xi):
    """A k^-2 far below an oscillating core: where they cross there is no power law, and what is cut must not matter."""
    rods = RodPotential(Potential(Power(6.0), 1.0, xi), length, density)
    k = np.exp(np.arange(-12.0, 9.0, 0.01)) / xi
    G = k**3 * rods.fourier(k) ** 2  # falls as 1/k in the end
    square = 2.0 * float(0.01 * G.sum() + G[-1])
    table = PairTable(rods, MPI.COMM_SELF)
    assert table.scale == pytest.approx(square, rel=1e-7)
    assert table.error < 1e-6


def test_weighs_in_by_the_length_over_the_range():
    """Rates fall below those of short rods by a share that halves with a/xi."""
    model = HardRods(1.0)
    rho = density_of(model)
    loss = [
        1.0 - kurtosis_rate(finite(model, xi, finite_length=True), rho) / kurtosis_rate(finite(model, xi), rho)
        for xi in (20.0, 40.0)
    ]
    assert 0.05 < loss[0] < 0.12
    assert loss[0] / loss[1] == pytest.approx(2.0, rel=0.1)


def test_identities():
    model = HardRods(1.5)
    collisions = finite(model, finite_length=True, second_order=True)
    rng = np.random.default_rng(5)
    rho = density_of(model) * rng.uniform(0.5, 1.5, MESH.theta_points)
    assert max(collisions(rho).defects) < 1e-12
    assert collisions.entropy_production(density_of(model)) > 0.0
    thermal = np.exp(-1.1 * MESH.theta**2)
    thermal *= 0.2 / (MESH.theta_weight * thermal.sum())
    assert np.abs(collisions(thermal).rate).max() < 1e-8 * np.abs(collisions(density_of(model)).rate).max()


def test_tables_follow_the_density():
    """One operator for two states gives what two operators give."""
    model = HardRods(1.0)
    shared = finite(model, finite_length=True)
    for density in (0.1, 0.4, 0.1):
        rho = density_of(model, density)
        np.testing.assert_array_equal(shared(rho).rate, finite(model, finite_length=True)(rho).rate)


def test_a_density_beyond_the_tolerance_stays_refused():
    """A second call fails like the first, and leaves the tables of the last good density as they are."""
    model, potential = HardRods(1.0), Potential(Gaussian(), 1.0, 1.0)
    good, bad = (PairTable(RodPotential(potential, 1.0, density), MPI.COMM_SELF).error for density in (0.2, 0.5))
    collisions = finite(model, 1.0, finite_length=True, tolerance=0.5 * (good + bad))
    collisions.rate(density_of(model, 0.2))
    for _ in range(2):
        with pytest.raises(SolverError, match=r"kinetic\.tolerance"):
            collisions.rate(density_of(model, 0.5))
    other = density_of(model, 0.2) * (1.0 + 0.1 * MESH.theta)
    np.testing.assert_array_equal(collisions.rate(other), finite(model, 1.0, finite_length=True).rate(other))


def test_refusals():
    for model in (FreeParticles(), LiebLiniger(2.0)):
        with pytest.raises(InputError, match=r"finite_length = true: allowed: model\.kind = hard_rods"):
            finite(model, finite_length=True)
    with pytest.raises(InputError, match=r"finite_length = true: allowed: without kinetic\.screened"):
        finite(HardRods(1.0), finite_length=True, screened=True)


def test_monte_carlo_of_three_is_the_kinetic_equation():
    """Random velocities and transfers, in contracted coordinates, against the operator's sum over triples."""
    model, potential = HardRods(1.0), Potential(Gaussian(), 1.0, 8.0)
    rho = density_of(model)
    value, error = encounter_rate(potential, 1.0, MESH.theta, rho, 3, samples=100_000)
    assert error < 0.02 * value
    assert value == pytest.approx(kurtosis_rate(finite(model, finite_length=True), rho), abs=3.0 * error)
    four, _ = encounter_rate(potential, 1.0, MESH.theta, rho, 4, samples=20_000)
    assert 0.02 < four / value < 0.06
