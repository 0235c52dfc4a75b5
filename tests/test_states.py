"""States against independent methods: Bethe equations, published expansions, thermodynamics, shifts and splits."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import roots_legendre

from gbbgky_petsc.errors import InputError, StateError
from gbbgky_petsc.physics.models import FreeParticles, HardRods, IdealGas, IntegrableModel, LiebLiniger
from gbbgky_petsc.physics.states import Boosted, Generalised, Ground, Split, TabulatedFilling, Thermal
from gbbgky_petsc.physics.states.base import rho_of_filling
from gbbgky_petsc.physics.states.family import NoStateError, density_at_level
from gbbgky_petsc.physics.states.ground import FermiSea
from gbbgky_petsc.physics.states.thermodynamic import pseudo_energy
from gbbgky_petsc.physics.statistics import BY_NAME, Bosonic, Classical, Fermionic


def midpoints(top, points):
    """Theta and weight of a mesh."""
    weight = 2.0 * top / points
    return (np.arange(points) + 0.5) * weight - top, weight


THETA, WEIGHT = midpoints(8.0, 128)


class Gas(IntegrableModel):
    """A Lorentzian of either sign with any statistics."""

    def __init__(self, amplitude, statistics):
        self.amplitude, self.statistics = amplitude, statistics

    def scattering_kernel(self, difference):
        return self.amplitude / (2.0 * np.pi) / (1.0 + difference**2)


# --- ground state ---


def bethe_energy(gamma, particles):
    """Energy per particle of N bosons on a ring of length N by the Bethe equations, h_j = 2 pi I_j - sum 2 atan."""
    integers = np.arange(particles) - (particles - 1) / 2.0
    theta = integers * 2.0 * np.pi / particles / (1.0 + 2.0 / gamma)
    for _ in range(60):
        difference = theta[:, None] - theta[None, :]
        residual = particles * theta + 2.0 * np.arctan(difference / gamma).sum(axis=1) - 2.0 * np.pi * integers
        kernel = 2.0 * gamma / (gamma**2 + difference**2)
        step = np.linalg.solve((particles + kernel.sum(axis=1)) * np.eye(particles) - kernel, residual)
        theta = theta - step
        if np.abs(step).max() < 1e-14 * np.abs(theta).max():
            break
    return (theta**2).sum() / particles


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0, 4.0, 20.0, 100.0])
def test_ground_state_energy_against_bethe_equations(gamma):
    """Lieb's equation against finite rings, whose energy is a series in 1/N^2, extrapolated."""
    table = [bethe_energy(gamma, n) for n in (32, 64, 128, 256)]
    for order in (1, 2, 3):
        table = [(4**order * fine - coarse) / (4**order - 1) for coarse, fine in pairwise(table)]
    sea = FermiSea.at_density(LiebLiniger(gamma), 1.0)
    assert sea.energy == pytest.approx(table[0], rel=1e-11)
    assert sea.density == pytest.approx(1.0, rel=1e-12)


def test_ground_state_energy_against_expansions():
    """Weak coupling: S. Prolhac, J. Phys. A 50, 144001 (2017); strong: three orders beyond impenetrable bosons."""
    for gamma in (0.1, 0.05):
        weak = gamma - 4.0 * gamma**1.5 / (3.0 * np.pi) + (1.0 / 6.0 - np.pi**-2) * gamma**2 - 0.0015876998 * gamma**2.5
        assert FermiSea.at_density(LiebLiniger(gamma), 1.0, 400).energy == pytest.approx(weak, abs=4e-4 * gamma**3)
    errors = []
    for gamma in (100.0, 200.0):
        strong = 1.0 - 4.0 / gamma + 12.0 / gamma**2 + (32.0 / 15.0 * np.pi**2 - 32.0) / gamma**3
        errors.append(abs(FermiSea.at_density(LiebLiniger(gamma), 1.0).energy / (np.pi**2 / 3.0) - strong))
    assert 3.7 < np.log2(errors[0] / errors[1]) < 4.3


def test_ground_state_on_a_mesh_converges_to_the_sea():
    """Filled to one within the edge, exact density, energy to first order of the spacing or better."""
    model, errors = LiebLiniger(2.0), []
    sea = FermiSea.at_density(model, 0.8)
    for points in (101, 404):
        theta, weight = midpoints(4.0, points)
        rho = Ground(0.8).sample(theta, weight, model)
        n = model.filling(theta, weight, rho)
        assert model.fault(theta, weight, rho) is None and n.max() == pytest.approx(1.0, abs=1e-12)
        errors.append(abs(weight * (model.energy(theta) * rho).sum() / 0.8 - sea.energy))
    assert errors[1] < 0.3 * errors[0] and errors[1] < 2e-3


# --- thermal states ---


def yang_yang(coupling, beta, mu):
    """Pressure and density by fixed-point iteration on Gauss-Legendre nodes; rho by the derivative of the pressure."""
    x, w = roots_legendre(240)

    def pressure(mu):
        theta, weights = 9.0 * x, 9.0 * w
        kernel = coupling / np.pi / (coupling**2 + (theta[:, None] - theta[None, :]) ** 2) * weights
        bare = beta * (theta**2 - mu)
        epsilon = bare
        for _ in range(4000):
            new = bare - kernel @ np.log1p(np.exp(-epsilon))
            if np.abs(new - epsilon).max() < 1e-14:
                break
            epsilon = new
        return weights @ np.log1p(np.exp(-epsilon)) / (2.0 * np.pi * beta)

    step = 1e-3
    slope = (8.0 * (pressure(mu + step) - pressure(mu - step)) - pressure(mu + 2 * step) + pressure(mu - 2 * step)) / (
        12.0 * step
    )
    return pressure(mu), slope


def thermodynamics(model, theta, weight, rho, beta, mu):
    """Pressure by the pseudo-energy and by Euler's relation P = T s - e + mu rho."""
    epsilon = pseudo_energy(model, theta, beta * (model.energy(theta) - mu))
    n = model.filling(theta, weight, rho)
    density_of_states = model.density_of_states(theta, weight, rho)
    entropy = weight * (density_of_states * model.statistics.entropy(n)).sum()
    euler = entropy / beta - weight * ((model.energy(theta) - mu) * rho).sum()
    return -weight * model.statistics.free_energy(epsilon).sum() / (2.0 * np.pi * beta), euler


@pytest.mark.parametrize(("coupling", "beta", "mu"), [(0.7, 1.0, 0.5), (2.0, 0.4, -0.3), (10.0, 2.0, 1.5)])
def test_yang_yang_pressure(coupling, beta, mu):
    model = LiebLiniger(coupling)
    pressure, density = yang_yang(coupling, beta, mu)
    found = density_at_level(Thermal(1.0, beta), beta * mu, THETA, model)
    assert found == pytest.approx(density, rel=1e-9)
    rho = Thermal(found, beta).sample(THETA, WEIGHT, model)
    ours, euler = thermodynamics(model, THETA, WEIGHT, rho, beta, mu)
    assert ours == pytest.approx(pressure, rel=1e-10) and euler == pytest.approx(pressure, rel=1e-9)


@pytest.mark.parametrize(
    "model",
    [HardRods(1.0), FreeParticles(), *(Gas(a, s) for a in (-1.0, 0.5) for s in (Classical(), Fermionic(), Bosonic()))],
)
def test_thermodynamics_of_every_statistics(model):
    """rho = dP/dmu, Euler's relation, and d rho/d mu = beta int C, all at one point."""
    beta, mu, step = 1.5, -0.8, 1e-3

    def pressure(mu):
        epsilon = pseudo_energy(model, THETA, beta * (model.energy(THETA) - mu))
        return -WEIGHT * model.statistics.free_energy(epsilon).sum() / (2.0 * np.pi * beta)

    density, low, high = (density_at_level(Thermal(1.0, beta), beta * (mu + s), THETA, model) for s in (0, -step, step))
    assert density == pytest.approx((pressure(mu + step) - pressure(mu - step)) / (2.0 * step), rel=1e-5)
    rho = Thermal(density, beta).sample(THETA, WEIGHT, model)
    ours, euler = thermodynamics(model, THETA, WEIGHT, rho, beta, mu)
    assert euler == pytest.approx(ours, rel=1e-10)
    charge = model.background(THETA, WEIGHT, rho).charge
    assert beta * WEIGHT * charge.sum() == pytest.approx((high - low) / (2.0 * step), rel=1e-5)
    assert model.fault(THETA, WEIGHT, rho) is None


@pytest.mark.parametrize("level", [-20.0, 0.3, 200.0])
def test_rods_have_the_tonks_pressure(level):
    """P = rho T/(1 - a rho), from dilute ones to a free length of 1/200."""
    model, beta = HardRods(1.3), 2.0
    density = density_at_level(Thermal(1.0, beta), level, THETA, model)
    epsilon = pseudo_energy(model, THETA, beta * model.energy(THETA) - level)
    pressure = WEIGHT * np.exp(-epsilon).sum() / (2.0 * np.pi * beta)
    assert pressure == pytest.approx(density / beta / (1.0 - 1.3 * density), rel=1e-12)
    assert density > 0.76 or level < 200.0


@pytest.mark.parametrize("state", [Thermal(0.5, 1.5), Generalised(0.5, (0.2, -0.5, 0.0, 0.4))])
def test_states_of_rods_by_both_routes(state):
    """A constant T leaves the Boltzmann factor; Newton's method finds the same."""
    model = HardRods(1.3)
    general = rho_of_filling(model, THETA, state.filling(THETA, model))
    np.testing.assert_allclose(state.sample(THETA, WEIGHT, model), general, atol=1e-10)


@pytest.mark.parametrize("statistics", ["bosonic", "fermionic"])
def test_ideal_gases(statistics):
    """The textbook integral, at a density and at a chemical potential; Lieb-Liniger between both."""
    model, sign = IdealGas(BY_NAME[statistics]), -1.0 if statistics == "bosonic" else 1.0
    exact = quad(lambda k: 1.0 / (np.exp(0.9 * (0.5 * k**2 + 0.4)) + sign) / (2.0 * np.pi), -30.0, 30.0)[0]
    assert density_at_level(Thermal(1.0, 0.9), -0.36, *midpoints(9.0, 160)[:1], model) == pytest.approx(exact, rel=1e-9)
    n = model.filling(THETA, WEIGHT, Thermal(exact, 0.9).sample(THETA, WEIGHT, model))
    np.testing.assert_allclose(n, 1.0 / (np.exp(0.9 * (0.5 * THETA**2 + 0.4)) + sign), atol=1e-8)


def test_cold_thermal_state_is_the_ground_state():
    model = LiebLiniger(1.0)
    theta, weight = midpoints(3.0, 400)
    sea, energies = FermiSea.at_density(model, 1.0), []
    for beta in (40.0, 80.0):
        rho = Thermal(1.0, beta).sample(theta, weight, model)
        energies.append(weight * (model.energy(theta) * rho).sum())
    assert (4.0 * energies[1] - energies[0]) / 3.0 == pytest.approx(sea.energy, rel=2e-5)  # e = e_0 + O(T^2)


# --- other states ---


def test_generalised_ensemble_is_thermal_where_it_should_be():
    for model in (LiebLiniger(1.0), HardRods(1.0)):
        one = Thermal(0.4, 1.3).sample(THETA, WEIGHT, model)
        other = Generalised(0.4, (0.0, 1.3 / (2.0 * model.mass))).sample(THETA, WEIGHT, model)
        np.testing.assert_allclose(other, one, atol=1e-12)
        shifted = Boosted(Thermal(0.4, 1.3), 0.7).sample(THETA, WEIGHT, model)
        b = 1.3 / (2.0 * model.mass)
        np.testing.assert_allclose(Generalised(0.4, (-1.4 * b, b)).sample(THETA, WEIGHT, model), shifted, atol=1e-9)
        assert WEIGHT * (THETA * shifted).sum() == pytest.approx(0.4 * 0.7, rel=1e-9)


@pytest.mark.parametrize("base", [Thermal(0.6, 2.0), Ground(0.6)])
def test_split_states(base):
    """Parity, density, fillings: the mean of two shifted fillings, or of two shifted densities."""
    model = LiebLiniger(0.5)
    rho = Split(base, 3.0).sample(THETA, WEIGHT, model)
    n = model.filling(THETA, WEIGHT, rho)
    np.testing.assert_allclose(rho, rho[::-1], atol=1e-12)
    assert WEIGHT * rho.sum() == pytest.approx(0.6, rel=1e-12)
    assert n.max() < 0.5 + 1e-6  # far apart
    through = Split(base, 3.0, "density").sample(THETA, WEIGHT, model)
    halves = [Boosted(base, s).sample(THETA, WEIGHT, model) for s in (-3.0, 3.0)]
    np.testing.assert_allclose(through, 0.5 * (halves[0] + halves[1]), atol=1e-12)
    np.testing.assert_allclose(
        Split(base, 0.0).sample(THETA, WEIGHT, model), base.sample(THETA, WEIGHT, model), atol=1e-9
    )


def test_split_of_rods_is_the_same_through_both():
    """rho is proportional to n, and the general route agrees."""
    model, base = HardRods(1.0), Thermal(0.3, 2.0)
    one, other = (Split(base, 1.5, through).sample(THETA, WEIGHT, model) for through in ("filling", "density"))
    np.testing.assert_allclose(one, other, atol=1e-12)
    n = Split(base, 1.5).filling(THETA, model)
    np.testing.assert_allclose(rho_of_filling(model, THETA, n), one, atol=1e-9)


def test_filling_table_round_trip():
    model = LiebLiniger(1.0)
    n = 0.7 * np.exp(-(THETA**2))
    rho = rho_of_filling(model, THETA, n)
    state = TabulatedFilling(WEIGHT * rho.sum(), THETA, n)
    np.testing.assert_allclose(state.sample(THETA, WEIGHT, model), rho, atol=1e-12)
    np.testing.assert_allclose(model.filling(THETA, WEIGHT, rho), n, atol=1e-12)


# --- refusals ---


def test_fault_and_check_during_a_run():
    model = LiebLiniger(1.0)
    rho = Thermal(0.5, 1.0).sample(THETA, WEIGHT, model)
    assert model.fault(THETA, WEIGHT, rho) is None
    model.check_filling(THETA, WEIGHT, rho, 3.0)
    crowded = rho * (1.0 + 3.0 * np.exp(-(THETA**2)))
    with pytest.raises(StateError, match=r"t = 12\.5: filling reaches 1\.\d+ at theta = .*; allowed: from 0 to 1"):
        model.check_filling(THETA, WEIGHT, crowded, 12.5)
    with pytest.raises(StateError, match=r"filling reaches -0\.0"):
        model.check_filling(THETA, WEIGHT, rho - 0.01 * np.exp(-((THETA - 5.0) ** 2)), 1.0)
    assert "allowed: at least 0 (classical" in HardRods(1.0).fault(THETA, WEIGHT, -rho)
    assert "density of states reaches" in HardRods(1.0).fault(THETA, WEIGHT, 3.0 * rho)


def test_states_that_do_not_exist():
    """Bosons condense, classical particles that draw each other back collapse, windows fill up, rods have no edge."""
    bosons = IdealGas(Bosonic())
    with pytest.raises(InputError, match="beyond condensation"):
        Thermal(50.0, 1.0).sample(THETA, WEIGHT, bosons)
    with pytest.raises(NoStateError):
        density_at_level(Thermal(1.0, 1.0), 1e-6, THETA, bosons)
    with pytest.raises(NoStateError):
        density_at_level(Thermal(1.0, 1.0), 5.0, THETA, Gas(1.0, Classical()))
    dense = Thermal(5.0, 1.0).sample(THETA, WEIGHT, Gas(1.0, Classical()))  # any density exists, below that level
    assert WEIGHT * dense.sum() == pytest.approx(5.0, rel=1e-12)
    with pytest.raises(InputError, match=r"mesh\.theta_max"):
        Thermal(100.0, 1.0).sample(THETA, WEIGHT, LiebLiniger(1.0))
    with pytest.raises(InputError, match="no Fermi edge"):
        Ground(0.3).sample(THETA, WEIGHT, HardRods(1.0))
