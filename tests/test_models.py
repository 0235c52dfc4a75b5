"""Integrable models against identities, finite differences and limits (theory: GHD)."""

import dataclasses
from functools import cached_property

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.models import Background, FreeParticles, HardRods, IdealGas, IntegrableModel, LiebLiniger
from gbbgky_petsc.physics.potential import Gaussian, Potential
from gbbgky_petsc.physics.states import BoostedThermal, Thermal
from gbbgky_petsc.physics.states.base import rho_of_filling
from gbbgky_petsc.physics.statistics import Bosonic, Classical, Fermionic

MESH = PhaseSpaceMesh(theta_max=7.0, theta_points=80, z_max=40.0, z_spacing=4.0)
THETA, WEIGHT = MESH.theta, MESH.theta_weight
MODELS = [HardRods(1.0), LiebLiniger(1.0)]


class Lorentzian(IntegrableModel):
    """T = (amplitude/2 pi)/(1 + theta^2), with any statistics."""

    def __init__(self, amplitude, statistics):
        self.amplitude, self.statistics = amplitude, statistics

    def scattering_kernel(self, difference):
        return self.amplitude / (2.0 * np.pi) / (1.0 + difference**2)


EVERY_MODEL = {
    "rods": HardRods(1.0),
    "free": FreeParticles(),
    "ideal bosons": IdealGas(Bosonic()),
    "ideal fermions": IdealGas(Fermionic()),
    "bosons with contact": LiebLiniger(1.0),
    "strong contact": LiebLiniger(20.0),
    "weak contact": LiebLiniger(0.2),
    **{
        f"{s.name} Lorentzian, {a:g}": Lorentzian(a, s)
        for a in (-1.0, 1.0)
        for s in (Classical(), Fermionic(), Bosonic())
    },
}


def boosted(model):
    return BoostedThermal(0.3, 1.2, 0.8).sample(THETA, WEIGHT, model) * (1.0 + 0.1 * np.tanh(THETA))


@pytest.mark.parametrize("name", EVERY_MODEL)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.floats(0.01, 0.95))
def test_identities(name, seed, size):
    """Theory of GHD, to 1e-10 for every model at random fillings up to ``size``."""
    model = EVERY_MODEL[name]
    n = size * np.random.default_rng(seed).random(THETA.size) * np.exp(-0.1 * THETA**2)
    rho = rho_of_filling(model, THETA, n)
    assert model.fault(THETA, WEIGHT, rho) is None
    b = model.background(THETA, WEIGHT, rho)
    A, D, C = b.flux_jacobian, b.diffusion, b.covariance
    normal, scale = b.rho * b.statistical_factor, max(1.0, np.abs(D).max())
    np.testing.assert_allclose(b.filling, n, atol=1e-10)
    assert np.abs(A @ C - C @ A.T).max() < 1e-10 * np.abs(A).max()
    assert np.abs(D @ C - C @ D.T).max() < 1e-10 * scale
    assert np.abs(D.sum(axis=0)).max() < 1e-10 * scale
    assert np.abs(D @ b.charge).max() < 1e-10 * scale  # rho f is a null vector in normal modes
    np.testing.assert_allclose(b.rotation @ b.charge, normal * b.unit_dressed, atol=1e-10)
    np.testing.assert_allclose(b.charge, C @ np.ones_like(THETA), atol=1e-10)
    np.testing.assert_allclose(A.sum(axis=0), model.energy_derivative(THETA), atol=1e-10 * np.abs(A).max())  # (SB.19)
    np.testing.assert_allclose(C, C.T, atol=1e-10)


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_flux_jacobian_and_response_are_derivatives(name):
    model = EVERY_MODEL[name]
    rho = boosted(model)
    change = np.exp(-((THETA - 0.5) ** 2))
    eps = 1e-5
    plus, minus = (model.background(THETA, WEIGHT, rho + s * eps * change) for s in (1, -1))
    b = model.background(THETA, WEIGHT, rho)
    flux = (plus.velocity * plus.rho - minus.velocity * minus.rho) / (2 * eps)
    np.testing.assert_allclose(b.flux_jacobian @ change, flux, atol=2e-8)
    np.testing.assert_allclose(b.charge_response @ change, (plus.charge - minus.charge) / (2 * eps), atol=2e-8)


@settings(max_examples=6, deadline=None)
@given(length=st.floats(0.0, 2.0), seed=st.integers(0, 10**6), filled=st.floats(0.01, 0.9))
def test_hard_rods_closed_forms_equal_generic_route(length, seed, filled):
    """Every field and operator, at random densities that fill the line up to ``filled``."""
    model = HardRods(length)
    rho = np.random.default_rng(seed).random(THETA.size) * np.exp(-0.1 * THETA**2)
    rho *= filled / (max(length, 0.5) * WEIGHT * rho.sum())
    closed, generic = model.background(THETA, WEIGHT, rho), IntegrableModel.background(model, THETA, WEIGHT, rho)
    names = {field.name for field in dataclasses.fields(closed)} - {"model", "theta", "weight"}
    derived = {name for name, value in vars(Background).items() if isinstance(value, cached_property)}
    acting = {name for name in derived if name.endswith("_operator")}
    assert len(acting) == len(derived - acting) == 5
    for name in names | derived:
        one, other = getattr(closed, name), getattr(generic, name)
        if name in acting:
            one, other = one.matrix(), other.matrix()
        np.testing.assert_allclose(one, other, atol=1e-11 * max(1.0, np.abs(other).max()), err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_dressing(model):
    """1^dr and T^dr solve their equations, and (R^t)^-1 is what it says."""
    b = model.background(THETA, WEIGHT, boosted(model))
    one, kernel = np.ones_like(THETA), model.scattering_kernel(THETA[:, None] - THETA[None, :])
    T = WEIGHT * kernel
    np.testing.assert_allclose(b.unit_dressed, one + T @ (b.filling * b.unit_dressed), atol=1e-12)
    np.testing.assert_allclose(b.kernel_dressed, kernel + T @ (b.filling[:, None] * b.kernel_dressed), atol=1e-12)
    np.testing.assert_allclose(b.kernel_dressed, b.kernel_dressed.T, atol=1e-12)
    np.testing.assert_allclose(b.rotation_inverse @ b.rotation, np.eye(THETA.size), atol=1e-12)
    np.testing.assert_allclose(b.rho * b.statistical_factor * b.unit_dressed, b.rotation @ b.charge, atol=1e-12)


def test_speed_of_a_quasiparticle():
    """Lieb-Liniger bosons have mass 1/2: twice the speed of rods of one rapidity, 8 times the time unit."""
    rho, potential = boosted(MODELS[0]), Potential(Gaussian(), 1.0, 10.0)
    rods, bosons = HardRods(1.0), LiebLiniger(2.0)  # the same contact length
    for model, factor in ((rods, 1.0), (bosons, 2.0)):
        second = (rho * THETA**2).sum() / rho.sum()
        assert observables.rms_speed(model, THETA, rho) == pytest.approx(factor * second**0.5, rel=1e-14)
    units = [observables.rescaled_time_unit(m, potential, THETA, WEIGHT, rho) for m in (rods, bosons)]
    assert units[1] / units[0] == pytest.approx(8.0, rel=1e-12)


def test_free_particles_have_no_diffusion():
    b = FreeParticles().background(THETA, WEIGHT, boosted(FreeParticles()))
    assert not b.diffusion.any()
    np.testing.assert_allclose(b.flux_jacobian, np.diag(THETA))


def test_lieb_liniger_becomes_free_fermions():
    rho = boosted(LiebLiniger(1.0))
    b = LiebLiniger(1e6).background(THETA, WEIGHT, rho)
    np.testing.assert_allclose(b.velocity, 2.0 * THETA, atol=1e-4)
    np.testing.assert_allclose(b.charge, rho * (1.0 - 2.0 * np.pi * rho), atol=1e-5)
    assert np.abs(b.diffusion).max() < 1e-8


def test_strong_coupling_expansion():
    """To first order in 1/c bosons are rods of length -2/c with the statistics of fermions; the rest falls as 1/c^3."""
    rho, errors = boosted(LiebLiniger(1.0)), []
    for c in (40.0, 80.0):
        a, b = -2.0 / c, LiebLiniger(c).background(THETA, WEIGHT, rho)
        density, current = WEIGHT * rho.sum(), WEIGHT * (2.0 * THETA * rho).sum()
        kappa = 1.0 - a * density
        velocity = (2.0 * THETA - a * current) / kappa
        normal = rho * (1.0 - 2.0 * np.pi * rho / kappa)  # rho f, f = 1 - n
        charge = kappa * (normal - a * rho * WEIGHT * normal.sum())
        middle = np.abs(THETA) < 3.0
        errors.append([np.abs(b.velocity - velocity)[middle].max(), np.abs(b.charge - charge)[middle].max()])
    assert np.all(np.log2(np.array(errors[0]) / errors[1]) > 2.8)
    assert max(errors[1]) < 1e-3


#: wide and fine enough for thermal states of every statistics to rounding
FINE = PhaseSpaceMesh(theta_max=9.5, theta_points=136, z_max=40.0, z_spacing=4.0)


@pytest.mark.parametrize("name", EVERY_MODEL)
@settings(max_examples=4, deadline=None)
@given(beta=st.floats(0.7, 1.0), density=st.floats(0.05, 0.3), wave=st.floats(-2.0, 2.0), V=st.floats(-0.5, 1.0))
def test_thermal_identities(name, beta, density, wave, V):
    """(SA.17) to (SA.20) to 1e-9: slope, forcing, and the stationary correlations with and without screening."""
    model, weight = EVERY_MODEL[name], FINE.theta_weight
    rho = Thermal(density, beta).sample(FINE.theta, weight, model)
    b = model.background(FINE.theta, weight, rho)
    A, D, c, slope = b.flux_jacobian, b.diffusion, b.charge, FINE.theta_derivative @ rho
    np.testing.assert_allclose(slope, -beta * A @ c, rtol=0.0, atol=1e-9)
    both = np.outer(c, c)
    forcing = np.outer(slope, c) - np.outer(c, slope)
    np.testing.assert_allclose(forcing, -beta * (A @ both - both @ A.T), rtol=0.0, atol=1e-9)
    chi = weight * c.sum()
    for collective in (0.0, 1.0):
        G = -beta * V / (1.0 + collective * beta * chi * V) * both
        M = 1j * wave * (A - collective * V * weight * slope[:, None]) + wave**2 * D
        np.testing.assert_allclose(M @ G + G @ M.conj().T, 1j * wave * V * forcing, rtol=0.0, atol=1e-9)


def test_diffusion_quadrature_is_fourth_order():
    """The kink of |theta - alpha| against a fine mesh."""
    errors = []
    for n in (20, 40):
        mesh = PhaseSpaceMesh(6.0, n, 40.0, 4.0)
        exact_mesh = PhaseSpaceMesh(6.0, n * 27, 40.0, 4.0)  # odd ratio: coarse nodes are fine nodes
        values = []
        for m in (mesh, exact_mesh):
            rho = np.exp(-(m.theta**2)) * 0.1
            D = HardRods(1.0).background(m.theta, m.theta_weight, rho).diffusion
            values.append(D @ (m.theta * np.exp(-0.7 * m.theta**2)))
        errors.append(np.abs(values[0] - values[1][13::27]).max())
    assert 3.6 < np.log2(errors[0] / errors[1]) < 4.6


@pytest.mark.parametrize("coupling", [0.5, 3.0])
def test_against_bethefluid(coupling):
    """v, A, C and the pieces of D of another program (PyPI: BetheFluid).

    It dresses by (1 - Tn)^-1, as it should, but turns normal modes back into rho by the same and not by its
    transpose: its diffusion matrix creates particles. With the transposed it is ours.
    """
    pytest.importorskip("dill")
    theirs = pytest.importorskip("BetheFluid.models.calc_Lieb_Liniger")
    model, rho = LiebLiniger(coupling), boosted(LiebLiniger(1.0))
    ours = model.background(THETA, WEIGHT, rho)

    def flux(density):
        return np.ravel(theirs.VelocityLiebLiniger(density[:, None], THETA, coupling).V) * density

    other = theirs.DiffusionLiebLiniger(rho[:, None], THETA, coupling)
    (dress,), n, v, (kernel,), (D,) = other.operator, np.ravel(other.n), np.ravel(other.V), other.D_ker, other.D
    np.testing.assert_allclose(v, ours.velocity, atol=1e-11)
    np.testing.assert_allclose(n, ours.filling, atol=1e-12)
    A, C, back = ours.flux_jacobian, ours.covariance, dress.T
    np.testing.assert_allclose(back @ (v[:, None] * np.linalg.inv(back)), A, atol=1e-10)
    np.testing.assert_allclose(back @ ((rho * (1.0 - n))[:, None] * dress), C, atol=1e-12)
    for h in (np.exp(-(THETA**2)), THETA * np.exp(-((THETA - 1.0) ** 2))):
        np.testing.assert_allclose(A @ h, (flux(rho + 1e-5 * h) - flux(rho - 1e-5 * h)) / 2e-5, atol=1e-8)
    states = rho / n
    rotated = 0.5 * back @ (states[:, None] * kernel / states) @ np.linalg.inv(back)
    np.testing.assert_allclose(rotated, ours.diffusion, atol=1e-11)
    assert np.abs(ours.diffusion.sum(axis=0)).max() < 1e-12
    assert np.abs(0.5 * D.sum(axis=0)).max() > 0.05 * np.abs(ours.diffusion).max()


@pytest.mark.parametrize("model", [HardRods(1.0), FreeParticles(), LiebLiniger(2.0)])
def test_entropy_gradient(model):
    """Against finite differences; in a thermal state it is beta e plus a constant, the first law."""
    theta = (np.arange(64) + 0.5) * 0.25 - 8.0
    rho = BoostedThermal(0.2, 0.5, 1.0).sample(theta, 0.25, model)
    change = rho * np.cos(1.3 * theta)
    numeric = (model.entropy(theta, 0.25, rho + 1e-4 * change) - model.entropy(theta, 0.25, rho - 1e-4 * change)) / 2e-4
    assert 0.25 * model.entropy_gradient(theta, 0.25, rho) @ change == pytest.approx(numeric, rel=1e-7)
    thermal = Thermal(0.2, 0.6).sample(theta, 0.25, model)
    middle = np.abs(theta) < 4.0
    rest = (model.entropy_gradient(theta, 0.25, thermal) - 0.6 * model.energy(theta))[middle]
    assert np.ptp(rest) < 1e-8 * np.abs(rest).max()
