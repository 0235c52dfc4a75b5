"""Third-order response of a fluid cell: against finite differences, the free energy and exact identities."""

import itertools

import numpy as np
import pytest

from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.physics.models import FreeParticles, HardRods, IdealGas, IntegrableModel, LiebLiniger
from gbbgky_petsc.physics.models.third_order import RodThirdOrder, ThirdOrder, third_order
from gbbgky_petsc.physics.states import BoostedThermal, Thermal
from gbbgky_petsc.physics.statistics import BY_NAME

MESH = PhaseSpaceMesh(theta_max=7.0, theta_points=48, z_max=40.0, z_spacing=4.0)
THETA, WEIGHT = MESH.theta, MESH.theta_weight
IDEAL = [FreeParticles(), IdealGas(BY_NAME["bosonic"]), IdealGas(BY_NAME["fermionic"])]


class Lorentzian(IntegrableModel):
    """A model of a user's own, T = -(1/2 pi)/(2 + theta^2), with any statistics."""

    def __init__(self, statistics):
        self.statistics = BY_NAME[statistics]

    def scattering_kernel(self, difference):
        return -1.0 / (2.0 * np.pi) / (2.0 + difference**2)


OWN = [Lorentzian("classical"), Lorentzian("fermionic"), Lorentzian("bosonic")]
MODELS = [HardRods(1.0), *IDEAL, LiebLiniger(1.0), *OWN]
DIRECTIONS = np.stack([np.exp(-((THETA - 0.5) ** 2)), THETA * np.exp(-0.6 * THETA**2)])


def boosted(model):
    return BoostedThermal(0.3, 1.2, 0.8).sample(THETA, WEIGHT, model) * (1.0 + 0.1 * np.tanh(THETA))


def at(model, rho):
    return model.background(THETA, WEIGHT, rho)


def spread(b):
    return b.rho * b.statistical_factor


def regular(operator, diagonal):
    return (operator - np.diag(diagonal)) / WEIGHT


def finite_difference(model, rho, direction, function, eps=1e-5):
    plus, minus = (function(at(model, rho + s * eps * direction)) for s in (1, -1))
    return (plus - minus) / (2 * eps)


@pytest.mark.parametrize("model", MODELS)
def test_changes_are_derivatives(model):
    """Every change along a direction against central differences of the operator it differentiates."""
    rho = boosted(model)
    third = third_order(at(model, rho))
    cases = {
        "velocity_change": lambda b: b.velocity,
        "spread_change": spread,
        "flux_jacobian_change": lambda b: b.flux_jacobian,
        "covariance_change": lambda b: regular(b.covariance, spread(b)),
        "flux_covariance_change": lambda b: regular(b.flux_jacobian @ b.covariance, b.velocity * spread(b)),
    }
    for name, function in cases.items():
        changes = getattr(third, name)(DIRECTIONS)
        for direction, change in zip(DIRECTIONS, changes, strict=True):
            expected = finite_difference(model, rho, direction, function)
            np.testing.assert_allclose(change, expected, atol=2e-8 * max(1.0, np.abs(expected).max()), err_msg=name)


@pytest.mark.parametrize("model", MODELS)
def test_regular_parts(model):
    b = at(model, boosted(model))
    third = third_order(b)
    np.testing.assert_allclose(third.covariance_regular, regular(b.covariance, spread(b)), atol=1e-13)
    np.testing.assert_allclose(
        third.flux_covariance_regular, regular(b.flux_jacobian @ b.covariance, b.velocity * spread(b)), atol=1e-13
    )


def test_rods_closed_forms_equal_generic_route():
    b = at(HardRods(1.3), boosted(HardRods(1.3)))
    closed, generic = third_order(b), ThirdOrder(b)
    assert isinstance(closed, RodThirdOrder)
    for name in ("covariance_regular", "flux_covariance_regular", "pair_response", "third_cumulant_regular"):
        np.testing.assert_allclose(getattr(closed, name), getattr(generic, name), atol=1e-13, err_msg=name)
    changes = (
        "velocity_change",
        "spread_change",
        "flux_jacobian_change",
        "covariance_change",
        "flux_covariance_change",
    )
    for name in changes:
        one, other = (getattr(way, name)(DIRECTIONS) for way in (closed, generic))
        np.testing.assert_allclose(one, other, atol=1e-13, err_msg=name)
    away = np.exp(-np.add.outer(THETA**2, 0.5 * THETA**2))  # any covariance, not that of a GGE
    away = away + away.T
    np.testing.assert_allclose(closed.pair_flux(DIRECTIONS, away), generic.pair_flux(DIRECTIONS, away), atol=1e-13)


def free_energy(model, drive, epsilon):
    """-int F(epsilon)/2 pi with epsilon = drive + int T F(epsilon), by Newton's method from ``epsilon``."""
    T = WEIGHT * model.scattering_kernel(THETA[:, None] - THETA[None, :])
    for _ in range(30):
        n = model.statistics.filling(epsilon)
        step = np.linalg.solve(np.eye(THETA.size) - T * n, epsilon - drive - T @ model.statistics.free_energy(epsilon))
        epsilon = epsilon - step
        if np.abs(step).max() < 1e-14:
            break
    return -WEIGHT * model.statistics.free_energy(epsilon).sum() / (2 * np.pi)


@pytest.mark.parametrize("model", MODELS)
def test_third_derivative_of_the_free_energy(model):
    """int int int phi phi phi of the third cumulant is the third derivative of the free energy."""
    rho = boosted(model)
    b = at(model, rho)
    third, n = third_order(b), b.filling
    epsilon = np.log(b.statistical_factor / n)
    T = WEIGHT * model.scattering_kernel(THETA[:, None] - THETA[None, :])
    drive = epsilon - T @ model.statistics.free_energy(epsilon)
    one, two, three = np.ones_like(THETA), np.tanh(THETA), np.exp(-((THETA - 0.4) ** 2))

    def mixed(step):  # central difference in three directions: an error of second order in the step
        signs = itertools.product((1, -1), repeat=3)
        terms = (
            s * t * r * free_energy(model, drive - step * (s * one + t * two + r * three), epsilon) for s, t, r in signs
        )
        return sum(terms) / (2 * step) ** 3

    expected = (4 * mixed(0.01) - mixed(0.02)) / 3
    fluctuation = b.covariance @ three
    pairs = np.diag(third.spread_change(fluctuation)) * WEIGHT
    pairs = pairs + WEIGHT**2 * third.covariance_change(fluctuation)
    assert one @ pairs @ two == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_third_cumulant_and_its_delta_parts(model):
    """c3 with the parts in which two rapidities coincide is the change of C along C phi; c3 is symmetric."""
    b = at(model, boosted(model))
    third = third_order(b)
    c3, C = third.third_cumulant_regular, b.covariance
    np.testing.assert_allclose(c3, c3.transpose(1, 0, 2), atol=1e-14)
    np.testing.assert_allclose(c3, c3.transpose(2, 1, 0), atol=1e-14)
    answer = third.spread_change(C.T).T  # delta(rho f)_1 when the potential of 4 changes
    shared = regular(answer, b.model.statistics.variance_slope(b.filling) * spread(b))  # without the triple coincidence
    phi = np.exp(-((THETA + 0.3) ** 2))
    expected = WEIGHT * c3 @ phi + phi[:, None] * shared + shared.T * phi
    np.testing.assert_allclose(third.covariance_change(C @ phi), expected, atol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_pair_flux_completes_the_closure(model):
    """With g3 = K_2 g and c2 = C_reg the bracket of (SA.7) is delta (AC)_reg/delta rho . g."""
    b = at(model, boosted(model))
    third = third_order(b)
    carried = b.flux_jacobian @ third.covariance_change(DIRECTIONS)
    bracket = 0.5 * (carried + carried.swapaxes(1, 2)) + third.pair_flux(DIRECTIONS, third.covariance_regular)
    np.testing.assert_allclose(bracket, third.flux_covariance_change(DIRECTIONS), atol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_galilei_invariance_of_a_thermal_cell(model):
    """(d_1 + d_2) C_reg = - beta delta (AC)_reg/delta rho . c in a thermal state, = K_2 rho' in any."""
    beta, fine = 0.9, PhaseSpaceMesh(theta_max=7.0, theta_points=96, z_max=40.0, z_spacing=4.0)
    rho = Thermal(0.3, beta).sample(fine.theta, fine.theta_weight, model)
    b = model.background(fine.theta, fine.theta_weight, rho)
    third = third_order(b)
    shifted = fine.theta_derivative @ third.covariance_regular
    shifted = shifted + shifted.T
    np.testing.assert_allclose(shifted, -beta * third.flux_covariance_change(b.charge), atol=5e-9)
    np.testing.assert_allclose(shifted, third.covariance_change(fine.theta_derivative @ b.rho), atol=5e-9)


@pytest.mark.parametrize("model", [HardRods(1.0), FreeParticles()])
def test_pair_response_of_classical_particles(model):
    """Gamma = 2 c2 + int c3; all vanish without contact."""
    third = third_order(at(model, boosted(model)))
    expected = 2 * third.covariance_regular + WEIGHT * third.third_cumulant_regular.sum(axis=2)
    np.testing.assert_allclose(third.pair_response, expected, atol=1e-14)
    assert third.pair_response.any() == (model.length > 0)
