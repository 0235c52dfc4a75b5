"""Coherent collisions: the vertex against the Bethe map and scattering, identities, limits, the table behind it."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpi4py import MPI
from petsc4py import PETSc
from scipy.special import erf, wofz

from gbbgky_petsc.collisions import build
from gbbgky_petsc.collisions.amplitudes import vertex
from gbbgky_petsc.collisions.coherent import Coherent
from gbbgky_petsc.collisions.dressed import Dressed
from gbbgky_petsc.collisions.pair_table import PairTable
from gbbgky_petsc.collisions.screening import Clouds
from gbbgky_petsc.collisions.spectrum import spectrum, thermal_state
from gbbgky_petsc.collisions.triples import kernel
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.equations.kinetic import KineticEquation
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.models import FreeParticles, HardRods, LiebLiniger
from gbbgky_petsc.physics.potential import Exponential, Gaussian, Potential, Power, Tabulated
from gbbgky_petsc.physics.states import BoostedThermal, Thermal
from gbbgky_petsc.solvers.integrator import Integrator

POTENTIAL = Potential(Gaussian(), 1.0, 20.0)
STATE = BoostedThermal(0.2, 1.5, 1.0)
MODELS = [HardRods(1.0), LiebLiniger(0.5), LiebLiniger(2.0), LiebLiniger(10.0)]


def mesh_of(points=40, theta_max=5.0):
    return PhaseSpaceMesh(theta_max, points, z_max=100.0, z_spacing=5.0)


def coherent(model, points=40, theta_max=5.0, **keywords):
    keywords = {"comm": PETSc.COMM_SELF} | keywords
    return Coherent(model, keywords.pop("potential", POTENTIAL), mesh_of(points, theta_max), **keywords)


def sample(collisions, state=STATE):
    mesh = collisions.mesh
    return state.sample(mesh.theta, mesh.theta_weight, collisions.model)


def kurtosis_rate(collisions, rho):
    return observables.kurtosis_rate(collisions.mesh.theta, rho, collisions.rate(rho))


# --- the table of the potential ---


@pytest.mark.parametrize(
    ("shape", "exact"),
    [
        (Gaussian(), lambda p, q: (2.0 * np.pi) ** 1.5 * (p**2 + q**2) ** -1.5),
        (Power(2.0), lambda p, q: 4.0 * np.pi**2 / (p + q) ** 3),  # V_k = pi exp(-|k|)
        (Exponential(), lambda p, q: 4.0 * np.pi / (p * q * (p + q))),  # V_k = 2/(1 + k^2)
    ],
    ids=["gaussian", "lorentzian", "exponential"],
)
def test_table_against_closed_forms(shape, exact):
    """Over ratios up to e^8, relative to what Q is for equal arguments; the estimate is not exceeded."""
    p, q = np.exp(np.random.default_rng(0).normal(scale=2.0, size=(2, 200)))
    table = PairTable(Potential(shape, 1.0, 20.0), MPI.COMM_SELF)
    scale = table.scale * (p * q) ** -1.5
    wrong = np.abs(table(p, -q) - exact(p, q) / 20.0**3) / scale
    assert wrong.max() < max(table.error, 1e-9)
    assert table.error < 1e-7
    np.testing.assert_allclose(table(2.0 * p, 2.0 * q), table(p, q) / 8.0)


def test_potentials_that_jump_are_refused():
    jump = Tabulated(np.linspace(0.0, 1.0, 9), np.ones(9))
    with pytest.raises(InputError, match="jumps"):
        PairTable(Potential(jump, 1.0, 20.0), MPI.COMM_SELF)
    with pytest.raises(SolverError, match=r"kinetic\.tolerance = 1e-15"):
        coherent(HardRods(1.0), tolerance=1e-15)


def test_kernel_is_the_square_of_the_vertex():
    """Against the trapezoidal rule over lambda, generic triples; and finite where two quasiparticles are the same."""
    rng = np.random.default_rng(3)
    table = PairTable(POTENTIAL, MPI.COMM_SELF)

    def transform(k):
        return np.sqrt(2.0 * np.pi) * np.exp(-0.5 * (20.0 * k) ** 2)

    for _ in range(5):
        v, unit = np.sort(rng.normal(size=3)), rng.uniform(0.5, 2.0, 3)
        backflow = rng.normal(size=(3, 3))
        backflow += backflow.T
        d = np.roll(v, -1) - np.roll(v, 1)
        step = 0.002 / 20.0 / np.abs(d).min()
        lam = step * (np.arange(8000) + 0.5)
        W = vertex(tuple(lam * x for x in d), transform, tuple(unit), backflow)
        assert kernel(v, unit, backflow, table) == pytest.approx(2.0 * step * float((lam**2 * W**2).sum()), rel=1e-6)

    def near(shift):
        theta = np.array([0.2, 0.2 + shift, 1.1])
        return kernel(theta, np.ones(3), 1.0 / (1.0 + (theta[:, None] - theta) ** 2), table)

    assert near(1e-5) == pytest.approx(near(-1e-5), rel=1e-3)
    assert abs(near(1e-5) - near(1e-3)) < 0.01 * near(1e-3) < np.inf


# --- the vertex against what it was not derived from ---


def test_vertex_against_the_inverted_coordinate_map():
    """Cubic energy of three species with a wave each: y_a = x + sum_b 2 pi T_ab N_b(x) inverted numerically.

    A wave m_a = 2 eps cos(q_a xi) in the number per unit of xi = y/1^dr gives 2 eps^3 W per length.
    """
    rng = np.random.default_rng(5)
    T = rng.normal(scale=0.1, size=(3, 3))
    T = 0.5 * (T + T.T)  # 2 pi T
    rho = np.array([0.3, 0.5, 0.4])
    unit = 1.0 + T @ rho  # 1^dr = 2 pi rho_s
    dressed = np.linalg.solve(np.eye(3) - T * (rho / unit), T)
    waves = np.array([2.0, 3.0, -5.0])
    x = 2.0 * np.pi * np.arange(64) / 64

    def numbers(xi, eps):
        return rho[:, None] * xi + 2.0 * eps * np.sin(waves[:, None] * xi) / waves[:, None]

    def energy(eps):
        """sum_k>0 V_k |q_k|^2, the energy per length; q_k from the numbers of quasiparticles left of x."""
        xi = np.tile(x, (3, 1))
        for _ in range(60):
            residual = unit[:, None] * xi - x - T @ numbers(xi, eps)
            slope = rho[:, None] + 2.0 * eps * np.cos(waves[:, None] * xi)
            jacobian = unit[:, None, None] * np.eye(3)[:, :, None] - T[:, :, None] * slope[None, :, :]
            xi = xi - np.linalg.solve(jacobian.transpose(2, 0, 1), residual.T[:, :, None])[:, :, 0].T
        assert np.abs(residual).max() < 1e-13
        periodic = (numbers(xi, eps) - rho[:, None] * x).sum(axis=0)
        q = 1j * np.fft.rfftfreq(64, 1.0 / 64) * np.fft.rfft(periodic) / 64
        return float((transform(np.arange(33.0)) * np.abs(q) ** 2).sum())

    def transform(k):
        return np.exp(-0.02 * np.asarray(k) ** 2)

    def odd(eps):
        return 0.5 * (energy(eps) - energy(-eps)) / eps**3

    cubic = (4.0 * odd(0.004) - odd(0.008)) / 3.0
    W = float(vertex(tuple(waves), transform, tuple(unit), dressed))
    assert cubic == pytest.approx(2.0 * W, rel=1e-4)


@pytest.mark.parametrize("coupling", [0.3, 1.0])
def test_scattering_of_three_bethe_quasiparticles(coupling):
    """x_i = y_i - 1/2 sum sgn(y_i - y_j) phi(theta_ij) along free lines, phi a Lorentzian; first order in V.

    Momentum transfers are - dS/dy_i, S = int dt sum V; summed over impact parameters they are the kernel's diffusion.
    """
    velocity, xi, strength = np.array([1.0, -0.15, -0.9]), 20.0, 0.05
    apart = velocity[:, None] - velocity
    phi = strength * 2.0 * coupling / (apart**2 + coupling**2)

    def action(y):
        """int dt sum_(i<j) V(x_i - x_j) on lines y + velocity t, y (3, n), from primitives between crossings."""
        pairs = ((0, 1), (0, 2), (1, 2))
        times = np.sort(np.stack([-(y[i] - y[j]) / apart[i, j] for i, j in pairs]), axis=0)
        far = 40.0 * xi
        edges = np.concatenate([times[:1] - far, times, times[-1:] + far])
        total = np.zeros(y.shape[1])
        for start, end in itertools.pairwise(edges):
            middle = y + velocity[:, None] * 0.5 * (start + end)
            shift = 0.5 * sum(np.sign(middle - middle[j]) * phi[:, j, None] for j in range(3))
            for i, j in pairs:
                ends = [y[i] - y[j] + apart[i, j] * t - shift[i] + shift[j] for t in (start, end)]
                total += 0.5 * (erf(ends[1] / xi / np.sqrt(2.0)) - erf(ends[0] / xi / np.sqrt(2.0))) / apart[i, j]
        return total * np.sqrt(2.0 * np.pi)

    impact = np.linspace(-120.0, 120.0, 481)
    y = np.stack([np.zeros_like(impact), impact, np.zeros_like(impact)])
    step = 0.05
    transfer = np.stack([
        (action(y - step * np.eye(3)[i][:, None]) - action(y + step * np.eye(3)[i][:, None])) / (2.0 * step)
        for i in range(3)
    ])  # fmt: skip
    np.fill_diagonal(phi, 0.0)
    measured = 0.5 * abs(apart[0, 2]) * (impact[1] - impact[0]) * (transfer**2).sum(axis=1)
    table = PairTable(Potential(Gaussian(), 1.0, xi), MPI.COMM_SELF)
    d = np.roll(velocity, -1) - np.roll(velocity, 1)
    expected = d**2 * kernel(velocity, np.ones(3), phi, table) / (4.0 * np.pi)
    np.testing.assert_allclose(measured, expected, rtol=0.005)  # of the order of phi/xi


# --- identities ---


def entropy_rate(collisions, rho, rate):
    """dS/dt per unit length by the chain rule, and the sum of its absolute contributions.

    S = int rho_s s(n), s' = epsilon: -ln n, or ln(1/n - 1) for fermions.
    """
    mesh, model = collisions.mesh, collisions.model
    T = mesh.theta_weight * model.scattering_kernel(mesh.theta[:, None] - mesh.theta)
    n = rho / (1.0 / (2.0 * np.pi) + T @ rho)
    classical = isinstance(model, HardRods)
    epsilon, rest = (-np.log(n), n) if classical else (np.log1p(-n) - np.log(n), -np.log1p(-n))
    parts = mesh.theta_weight * (epsilon + T @ rest) * rate
    return float(parts.sum()), float(np.abs(parts).sum())


@st.composite
def densities(draw):
    """Two humps without any symmetry.

    At their extremes the entropy is off by 4e-7 of its parts on 96 points up to 7.5, by 2e-4 on 64 up to 7 (coarse), by
    1e-2 on 64 up to 6 (cut off).
    """
    unit = st.floats(0.0, 1.0)
    humps = [(0.2 + draw(unit), side * (0.4 + draw(unit)), 0.6 + 0.3 * draw(unit)) for side in (-1.0, 1.0)]
    return lambda theta: sum(w * np.exp(-0.5 * ((theta - m) / s) ** 2) for w, m, s in humps)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(shape=densities(), model=st.sampled_from(MODELS), density=st.floats(0.05, 0.2))
def test_invariants_and_entropy_of_any_state(shape, model, density):
    """N, P, E to rounding; dS/dt is the sum of squares, to the accuracy of the mesh (near equilibrium parts cancel)."""
    if model not in SHARED:
        SHARED[model] = coherent(model, 96, 7.5)
    collisions = SHARED[model]
    mesh = collisions.mesh
    rho = shape(mesh.theta)
    rho *= density / (mesh.theta_weight * rho.sum())
    result = collisions(rho)
    assert max(result.defects) < 1e-12
    production = collisions.entropy_production(rho)
    assert production > 0.0
    growth, scale = entropy_rate(collisions, rho, result.rate)
    assert growth == pytest.approx(production, abs=1e-6 * scale)


SHARED = {}


def test_invariants_of_a_state_that_the_mesh_does_not_resolve():
    collisions = coherent(LiebLiniger(2.0), 24)
    rho = sample(collisions) * np.random.default_rng(1).uniform(0.5, 1.5, 24)
    assert np.abs(collisions(rho).rate).max() > 0.0
    assert max(collisions(rho).defects) < 1e-12


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_thermal_states_and_the_derivative_there(model):
    """I vanishes; dI/d rho agrees with central differences, and has the null vectors of I on its left."""
    collisions = coherent(model, *((56, 8.0) if isinstance(model, HardRods) else (72, 6.0)))
    mesh = collisions.mesh
    typical = np.abs(collisions(sample(collisions)).rate).max()
    thermal = sample(collisions, Thermal(0.2, 0.8))
    assert np.abs(collisions(thermal).rate).max() < 1e-7 * typical
    change = 1e-3 * thermal * (np.cos(1.3 * mesh.theta) + 0.3 * mesh.theta)
    difference = 0.5 * (collisions(thermal + change).rate - collisions(thermal - change).rate)
    J = collisions.derivative(thermal, 0.8)
    assert np.abs(J @ change - difference).max() < 2e-5 * np.abs(difference).max()
    for p in (np.ones_like(mesh.theta), mesh.theta, model.energy(mesh.theta)):
        assert np.abs(p @ J).max() < 1e-10 * np.abs(p[:, None] * J).sum(axis=0).max()


@pytest.mark.parametrize("coupling", [0.5, 2.0, 10.0])
def test_relaxation_of_lieb_liniger(coupling):
    """A quench ends in the Yang-Yang state of the same N and E after some tens of implicit steps; the modes decay."""
    collisions = coherent(LiebLiniger(coupling), 40)
    rho = sample(collisions)
    equation, reports = KineticEquation(collisions), []
    with Integrator(equation, equation.initial_vector(rho), 0.0, 1e9) as integrator:
        integrator.run(1e9, [], reports.append)
        final = equation.gather_rho(integrator.state)
    energy = [r.measurement.kinetic_energy for r in reports]
    _, thermal = thermal_state(collisions, rho)
    assert len(reports) < 150
    assert np.ptp(energy) < 1e-11 * energy[0]
    assert np.abs(final - thermal).max() < 3e-3 * thermal.max()
    modes = spectrum(collisions, rho, 3)
    assert np.all(modes.rates > 0.0) and modes.kurtosis_rate > 0.0


# --- limits ---


def test_strong_coupling_is_rods_of_negative_length():
    """c -> infinity: rods of length -2/c, with an error of order c^-2; dilute, with mass 1/2, half their rate."""
    wrong = []
    for c in (100.0, 200.0):
        bosons, rods = coherent(LiebLiniger(c)), coherent(HardRods(-2.0 / c))
        rho = sample(bosons, BoostedThermal(1e-5, 1.5, 1.0))
        expected = 0.5 * rods(rho).rate
        wrong.append(np.abs(bosons(rho).rate - expected).max() / np.abs(expected).max())
    assert wrong[1] < 4e-4
    assert 3.5 < wrong[0] / wrong[1] < 4.5


def test_free_particles_stay_as_they_are():
    collisions = coherent(FreeParticles())
    assert not np.any(collisions(sample(collisions)).rate)


def test_rods_with_a_potential_of_contracted_positions_stay_integrable():
    """V_k = 1/k^2, whose energy depends on the order of rods alone: W = 0."""
    one, two = np.random.default_rng(2).normal(size=(2, 50))
    q = (one, two, -one - two)
    W = vertex(q, lambda k: k**-2, (0.8, 0.8, 0.8), -0.8 * np.ones((3, 3)))
    assert np.abs(W / sum(1.0 / p**2 for p in q)).max() < 1e-10


class Sluggish(HardRods):
    """Hard rods with a thousandth of their diffusion."""

    def background(self, theta, weight, rho):
        b = super().background(theta, weight, rho)
        return dataclasses.replace(b, diffusion=1e-3 * b.diffusion)


class SluggishBosons(LiebLiniger):
    """Lieb-Liniger gas with a thousandth of its diffusion."""

    def background(self, theta, weight, rho):
        b = super().background(theta, weight, rho)
        return dataclasses.replace(b, diffusion=1e-3 * b.diffusion)


@pytest.mark.parametrize("model", [Sluggish(1.0), SluggishBosons(2.0)], ids=["rods", "bosons"])
def test_incoherent_sum_is_the_printed_integral_without_width(model):
    """Squares of amplitudes added up: eq. (10) for D -> 0. Both lack one node of a principal value: extrapolated."""
    rates = {"landau": [], "incoherent": [], "coherent": []}
    for points in (24, 48):
        collisions = coherent(model, points, 4.5, coherent=False)
        rho = sample(collisions, BoostedThermal(0.2, 1.2, 0.7))
        landau = build("landau", model, POTENTIAL, collisions.mesh, PETSc.COMM_SELF, staggered=False)
        rates["landau"].append(1e3 * kurtosis_rate(landau, rho))
        rates["incoherent"].append(kurtosis_rate(collisions, rho))
        rates["coherent"].append(kurtosis_rate(coherent(model, points, 4.5), rho))
    landau, incoherent, one = (2.0 * fine - coarse for coarse, fine in rates.values())
    assert incoherent == pytest.approx(landau, rel=0.02)
    assert one != pytest.approx(landau, rel=0.3)


def test_velocities_that_turn_back_are_refused():
    """Quasiparticles of equal velocity and different theta: here those of a band, e' = sin theta."""

    class Band(LiebLiniger):
        def energy_derivative(self, theta):
            return np.sin(theta)

    collisions = coherent(Band(2.0), 24)
    with pytest.raises(InputError, match="state: effective velocity falls with theta"):
        collisions(sample(collisions))


# --- second order ---


def test_second_order_interferes():
    """Of rods: W = first + second, so that I(V0) = A V0^2 + B V0^3 + C V0^4; C is that of free particles, scaled."""
    rates = {s: kurtosis_rate(c, sample(c)) for s in (-2.0, -1.0, 1.0, 2.0) for c in [rods(s)]}
    even = {s: 0.5 * (rates[s] + rates[-s]) for s in (1.0, 2.0)}
    odd = {s: 0.5 * (rates[s] - rates[-s]) for s in (1.0, 2.0)}
    first = coherent(HardRods(1.0))
    A = kurtosis_rate(first, sample(first))
    free = build("three_body", FreeParticles(), POTENTIAL, mesh_of(), PETSc.COMM_SELF)
    C = 0.8**7 * kurtosis_rate(free, sample(free))
    assert odd[2.0] == pytest.approx(8.0 * odd[1.0], rel=1e-6)
    assert abs(odd[1.0]) > 1e-3 * A
    assert even[1.0] == pytest.approx(A + C, rel=1e-6)
    assert even[2.0] == pytest.approx(4.0 * A + 16.0 * C, rel=1e-6)


def rods(strength):
    return coherent(HardRods(1.0), potential=Potential(Gaussian(), strength, 20.0), second_order=True)


def test_second_order_is_classical():
    with pytest.raises(InputError, match=r"second_order = true: allowed: model\.kind = hard_rods, classical free"):
        coherent(LiebLiniger(2.0), second_order=True)


@pytest.mark.parallel
@pytest.mark.parametrize("model", [HardRods(1.0), LiebLiniger(2.0)], ids=str)
def test_ranks_agree(model):
    shared, alone = coherent(model, 24, comm=PETSc.COMM_WORLD), coherent(model, 24)
    rho = sample(alone)
    for many, one in ((shared(rho).rate, alone(rho).rate), (shared.derivative(rho), alone.derivative(rho))):
        np.testing.assert_allclose(many, one, atol=1e-12 * np.abs(one).max())


# --- screening ---


def screened(model, strength=0.5, points=40, **keywords):
    return coherent(model, points, potential=Potential(Gaussian(), strength, 20.0), screened=True, **keywords)


def test_response_of_a_maxwellian():
    """chi(v) of thermal rods is that of the plasma dispersion function."""
    model, beta = HardRods(1.0), 1.0
    mesh = mesh_of(48, 7.0)
    b = Dressed(
        model.background(
            mesh.theta, mesh.theta_weight, Thermal(0.2, beta).sample(mesh.theta, mesh.theta_weight, model)
        ),
        mesh.theta_derivative,
    )
    zeta = mesh.theta * np.sqrt(0.5 * beta)
    # kappa^2 int rho'/(theta - u - i0), one kappa of v = theta/kappa
    exact = -(0.8**2) * 0.2 * beta * (1.0 + zeta * 1j * np.sqrt(np.pi) * wofz(zeta))
    np.testing.assert_allclose(Clouds.of(b).response, exact, atol=1e-7)


def test_screened_kernel_of_rods_is_that_of_three_dressed_legs():
    """Every leg of a rod carries 1/eps: against the trapezoidal rule in lambda at three nodes."""
    collisions = screened(HardRods(1.0), points=12)
    state = collisions.state(sample(collisions))
    b, chi = state.dressed, Clouds.of(state.dressed).response
    i, j, k = 2, 6, 7
    v = b.velocity[[i, j, k]]
    d = np.roll(v, -1) - np.roll(v, 1)
    lam = 2e-5 * (np.arange(200000) + 0.5)
    V = [0.5 * np.sqrt(2.0 * np.pi) * np.exp(-0.5 * (20.0 * lam * x) ** 2) for x in d]
    eps = [1.0 - of * np.where(x > 0.0, c, c.conj()) for of, x, c in zip(V, d, chi[[i, j, k]], strict=True)]
    W = sum(of * x**3 for of, x in zip(V, d, strict=True)) / np.prod(d) * 0.8**2 / (eps[0] * eps[1] * eps[2])
    exact = 2.0 * 2e-5 * float((lam**2 * np.abs(W) ** 2).sum())
    nodes = [(x, y, z) for x in range(12) for y in range(x + 1, 12) for z in range(y + 1, 12)]
    assert state.kernels[nodes.index((i, j, k))] == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("model", [HardRods(1.0), LiebLiniger(2.0)], ids=str)
def test_identities_with_screening(model):
    """Invariants, entropy and the thermal state; the first order for V -> 0; the correlations of the RPA."""
    collisions = screened(model, points=48)
    rho = sample(collisions) * (1.0 + 0.2 * np.sin(collisions.mesh.theta))
    result = collisions(rho)
    assert max(result.defects) < 1e-12
    assert entropy_rate(collisions, rho, result.rate)[0] == pytest.approx(collisions.entropy_production(rho), rel=1e-4)
    thermal = sample(collisions, Thermal(0.2, 0.8))
    assert np.abs(collisions(thermal).rate).max() < 1e-4 * np.abs(result.rate).max()
    b = collisions.state(thermal).dressed
    chi = collisions.mesh.theta_weight * float((b.unit**2 * b.states * b.occupation).sum())
    k = (np.arange(2000) + 0.5) * 2.5e-4
    V = 0.5 * np.sqrt(2.0 * np.pi) * np.exp(-0.5 * (20.0 * k) ** 2)
    energy = 2.5e-4 * float((-0.8 * V**2 * chi**2 / (1.0 + 0.8 * chi * V)).sum()) / (2.0 * np.pi) / 0.2
    assert collisions(thermal).interaction_energy == pytest.approx(energy, rel=1e-3)
    change = {s: kurtosis_rate(screened(model, s), sample(screened(model, s))) / s**2 for s in (0.01, 0.02, -0.02)}
    first = kurtosis_rate(coherent(model), sample(coherent(model)))
    assert change[0.02] - first == pytest.approx(2.0 * (change[0.01] - first), rel=0.05)
    assert change[0.02] + change[-0.02] == pytest.approx(2.0 * first, rel=1e-3)
    assert abs(change[0.02] / first - 1.0) > 1e-3


def test_screening_of_bosons_at_strong_coupling_is_that_of_rods():
    """c -> infinity, against rods of the same statistics and mass."""

    class Rods(LiebLiniger):
        def scattering_kernel(self, difference):
            return np.full_like(difference, 1.0 / (np.pi * self.coupling))

    bosons, rods = screened(LiebLiniger(100.0)), screened(Rods(100.0))
    rho = sample(rods, BoostedThermal(0.05, 1.5, 1.0))
    expected = rods(rho).rate
    assert np.abs(bosons(rho).rate - expected).max() < 2e-3 * np.abs(expected).max()


def test_unstable_states_are_refused():
    """Two streams of repelling rods, and a cold gas that attracts; the same streams are stable where V0 is weak."""
    streams = BoostedThermal(0.2, 2.5, 1.0)
    strong = screened(HardRods(1.0), 4.0, points=48)
    with pytest.raises(InputError, match=r"kinetic\.screened = true: the state is unstable"):
        strong(sample(strong, streams))
    for theta_max in (5.0, 9.0):  # without and with tails that are zero
        weak = coherent(HardRods(1.0), 72, theta_max, potential=Potential(Power(6.0), 0.4, 20.0), screened=True)
        assert np.all(np.isfinite(weak(sample(weak, streams)).rate))
    for strength, stable in ((-1.0, True), (-4.0, False)):  # 1 + beta chi V > 0
        collisions = screened(HardRods(1.0), strength)
        rho = sample(collisions, Thermal(0.2, 1.0))
        assert (1.0 + 0.2 * 0.8**2 * strength * np.sqrt(2.0 * np.pi) > 0.0) == stable
        if stable:
            collisions(rho)
        else:
            with pytest.raises(InputError, match="unstable"):
                collisions(rho)
