"""The collision integral against the formulas it stands for, its identities, and its solver."""

import dataclasses

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
from conftest import Started
from petsc4py import PETSc

from gbbgky_petsc.collisions import build as build_operator
from gbbgky_petsc.collisions import kinds
from gbbgky_petsc.collisions.on_mesh import MeshCorrelations
from gbbgky_petsc.collisions.quadrature import OctaveRule
from gbbgky_petsc.collisions.spectrum import spectrum, thermal_state
from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.equations.kinetic import KineticEquation
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.physics import observables
from gbbgky_petsc.physics.models import FreeParticles, HardRods, LiebLiniger
from gbbgky_petsc.physics.potential import Exponential, Gaussian, Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal, Thermal
from gbbgky_petsc.solvers.integrator import Integrator

RODS = HardRods(1.0)
POTENTIAL = Potential(Gaussian(), 4.0, 8.0)
STATE = BoostedThermal(0.2, 1.2, 0.7)  # far from thermal, without a two-stream instability


def mesh_of(points=24, theta_max=4.5, **keywords):
    return PhaseSpaceMesh(theta_max, points, **({"z_max": 48.0, "z_spacing": 4.0} | keywords))


def build(kind="landau", points=24, theta_max=4.5, model=RODS, potential=POTENTIAL, state=STATE, **keywords):
    """Collision integral on one rank and rho."""
    mesh = mesh_of(points, theta_max)
    keywords = {"comm": PETSc.COMM_SELF} | keywords
    collisions = build_operator(kind, model, potential, mesh, **keywords)
    return collisions, state.sample(mesh.theta, mesh.theta_weight, model)


def kurtosis_rate(collisions, rho):
    return observables.kurtosis_rate(collisions.mesh.theta, rho, collisions.rate(rho))


@pytest.mark.parametrize("model", [RODS, LiebLiniger(2.0)])
def test_equation_10_as_printed(model):
    """(kD - iA)^-1 as a matrix on (theta, theta'), k from -infinity to infinity, against the Lyapunov route."""
    collisions, rho = build(points=10, model=model, state=Thermal(0.2, 0.5), staggered=False, tolerance=1e-8)
    rho = rho * (1.0 + 0.3 * np.cos(2.0 * collisions.mesh.theta))
    mesh, one = collisions.mesh, np.eye(10)
    b, D = model.background(mesh.theta, mesh.theta_weight, rho), mesh.theta_derivative
    A = np.kron(b.flux_jacobian, one) - np.kron(one, b.flux_jacobian)
    spread = np.kron(b.diffusion, one) + np.kron(one, b.diffusion)
    C = np.outer(D @ rho, b.charge) - np.outer(b.charge, D @ rho)
    x, w = np.polynomial.legendre.leggauss(160)
    total = np.zeros(10, complex)
    for k, weight in zip(x, w, strict=True):  # V_k vanishes beyond |k| = 1
        g = np.linalg.solve(k * spread - 1j * A, C.ravel()).reshape(10, 10)
        total += weight * k * POTENTIAL.fourier(k) ** 2 * g.sum(axis=1) * mesh.theta_weight
    expected = D @ total / (2.0 * np.pi)
    rate = collisions(rho).rate
    assert np.abs(expected.imag).max() < 1e-10 * np.abs(rate).max()
    np.testing.assert_allclose(rate, expected.real, atol=1e-6 * np.abs(rate).max())


@pytest.mark.parametrize("staggered", [False, True])
def test_screened_against_sylvester_solver(staggered):
    """Bartels-Stewart instead of eigenvectors, trapezoidal rule in k instead of Gauss."""
    collisions, rho = build("screened", points=16, staggered=staggered, tolerance=1e-8)
    pair, weight = collisions.meshes, collisions.mesh.theta_weight
    sides = []
    for theta, density in ((pair.theta, rho), (pair.other, pair.to_other @ rho)):
        b = RODS.background(theta, weight, density)
        slope = pair.derivative @ rho if theta is pair.theta else pair.to_other @ (pair.derivative @ rho)
        sides.append((b, slope))
    k_max, steps = 1.0, 400
    force = np.zeros(16)
    for k in (np.arange(steps) + 0.5) * k_max / steps:
        V = float(POTENTIAL.fourier(k))
        M = [
            1j * k * b.flux_jacobian + k**2 * b.diffusion - 1j * k * V * weight * np.outer(s, np.ones(16))
            for b, s in sides
        ]
        (one, s1), (two, s2) = sides
        G = scipy.linalg.solve_sylvester(
            M[0], M[1].conj().T, 1j * k * V * (np.outer(s1, two.charge) - np.outer(one.charge, s2))
        )
        m, m_mirror = weight * G.sum(axis=1), weight * G.sum(axis=0)
        force += k_max / steps / np.pi * k * V * 0.5 * (m.imag - pair.from_other @ m_mirror.imag)
    expected = pair.derivative @ force
    np.testing.assert_allclose(collisions(rho).rate, expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("staggered", [False, True])
@pytest.mark.parametrize("kind", ["landau", "screened"])
@pytest.mark.parametrize("model", [RODS, LiebLiniger(2.0)])
def test_number_momentum_energy(model, kind, staggered):
    """For any rho, also one without parity or with a roughness that the mesh does not resolve."""
    collisions, rho = build(kind, model=model, staggered=staggered)
    rng = np.random.default_rng(1)
    rho = rho * (1.0 + 0.1 * np.sin(collisions.mesh.theta) + 0.01 * rng.standard_normal(rho.size))
    result = collisions(rho)
    assert np.abs(result.rate).max() > 0.0
    assert max(result.defects) < 1e-10


@pytest.mark.parametrize(
    ("model", "kind"), [(RODS, "landau"), (RODS, "screened"), (LiebLiniger(2.0), "landau")], ids=str
)
def test_thermal_states_do_not_move(model, kind):
    beta = 0.8
    theta_max = 8.0 if model is RODS else 6.0
    collisions, thermal = build(kind, 100, theta_max, model, state=Thermal(0.2, beta), tolerance=1e-2)
    result, (moving, other) = collisions(thermal), build(kind, 32, model=model, tolerance=1e-4)
    typical = np.abs(moving(other).rate).max()
    assert np.abs(result.rate).max() < 1e-8 * typical
    b = model.background(collisions.mesh.theta, collisions.mesh.theta_weight, thermal)
    chi = collisions.mesh.theta_weight * b.charge.sum()
    # int int G_k = - beta V_k/(1 + beta chi V_k) chi^2 (SA.19)
    screen = chi if kind == "screened" else 0.0

    def density(k):
        V = float(POTENTIAL.fourier(k))
        return -beta * V**2 / (1.0 + beta * screen * V) * chi**2

    energy = scipy.integrate.quad(density, 0.0, 1.5, epsrel=1e-8)[0] / (2.0 * np.pi) / 0.2
    assert abs(result.interaction_energy / energy - 1.0) < 1e-4
    if kind == "landau":
        V = POTENTIAL(collisions.mesh.z)
        np.testing.assert_allclose(result.density_correlation, -beta * V * chi**2, atol=1e-3 * beta * V.max() * chi**2)


@pytest.mark.parametrize("staggered", [False, True])
def test_kinetic_blocking(staggered):
    """Free particles have no collision integral at this order."""
    collisions, rho = build(model=FreeParticles(), staggered=staggered)
    rods, _ = build(staggered=staggered)
    assert np.abs(collisions(rho).rate).max() < 1e-12 * np.abs(rods(rho).rate).max()


def test_proportional_to_the_square_of_the_potential():
    weak, rho = build(potential=Potential(Gaussian(), 0.5, 8.0))
    strong, _ = build()
    np.testing.assert_allclose(strong(rho).rate, 64.0 * weak(rho).rate, rtol=1e-6, atol=1e-12)


class Sluggish(HardRods):
    """Hard rods whose diffusion is multiplied by `factor`."""

    factor = 1.0

    def background(self, theta, weight, rho):
        b = super().background(theta, weight, rho)
        return dataclasses.replace(b, diffusion=self.factor * b.diffusion)


def test_linear_in_the_diffusion_matrix():
    rates = []
    for factor in (0.01, 0.02, 0.04):
        model = Sluggish(1.0)
        object.__setattr__(model, "factor", factor)
        collisions, rho = build(model=model)
        rates.append(collisions(rho).rate / factor)
    size = np.abs(rates[0]).max()
    assert np.abs(rates[1] - rates[0]).max() < 0.02 * size
    assert np.abs(rates[2] - rates[0]).max() < 0.05 * size


@pytest.mark.parametrize("kind", ["landau", "screened"])
def test_diffusion_form(kind):
    """I = d_theta (D^LR d_theta rho), (SB.11)."""
    collisions, rho = build(kind)
    D = collisions.mesh.theta_derivative
    collisions(rho * (1.0 + 1e-12))  # checks the quadrature; from then on both sides use the same rule
    rate = collisions(rho).rate
    np.testing.assert_allclose(D @ (collisions.diffusion_matrix(rho) @ (D @ rho)), rate, atol=1e-9 * np.abs(rate).max())


@pytest.mark.parametrize("kind", ["landau", "screened"])
@pytest.mark.parametrize("model", [RODS, LiebLiniger(2.0)])
def test_derivative_at_thermal_states(model, kind):
    """Against central differences of I: A, D, screening and source all move."""
    theta_max = 7.0 if model is RODS else 5.0
    collisions, rho = build(kind, 40, theta_max, model, state=Thermal(0.2, 0.8), staggered=False, tolerance=1e-7)
    theta = collisions.mesh.theta
    collisions(rho * (1.0 + 0.2 * theta**2))  # settle the quadrature on a state that moves
    change = 1e-3 * rho * (np.cos(1.3 * theta) + 0.3 * theta)
    exact = (collisions(rho + change).rate - collisions(rho - change).rate) / 2.0
    product = collisions.derivative(rho, 0.8) @ change
    assert np.abs(product - exact).max() < 1e-4 * np.abs(exact).max()


def test_staggered_meshes_remove_the_first_order_error():
    """Plain meshes leave a principal value's node out: an error linear in the spacing."""
    rates = {
        staggered: np.array([kurtosis_rate(*build(points=n, staggered=staggered)) for n in (16, 32, 48)])
        for staggered in (False, True)
    }
    error = rates[False] / rates[True][2] - 1.0
    assert abs(error[1]) > 0.02
    assert 1.7 < error[0] / error[1] < 2.6 and 1.3 < error[1] / error[2] < 1.9
    assert abs(rates[True][1] / rates[True][2] - 1.0) < 0.01  # of the layer's width over that of rho


@pytest.mark.parametrize("shape", [Gaussian(), Power(6.0), Power(3.0), Exponential()])
def test_quadrature_error_is_below_its_estimate(shape):
    potential = Potential(shape, 4.0, 8.0)
    fine, rho = build(points=16, potential=potential, tolerance=1e-8 if shape != Exponential() else 1e-6)
    exact = fine(rho).rate
    for tolerance in (1e-3, 1e-5):
        collisions, _ = build(points=16, potential=potential, tolerance=tolerance)
        for scale in (1.0, 1.0 + 1e-12):  # checked panels, then the lean rule
            result = collisions(rho * scale)
            assert result.error <= tolerance
            assert np.abs(result.rate - exact).max() < 3.0 * tolerance * np.abs(exact).max()


def test_quadrature_that_cannot_converge_is_an_error():
    rule = OctaveRule(1.0, 1e-6, (slice(0, 1),))
    with pytest.raises(SolverError, match=r"kinetic\.tolerance"):
        rule.integrate(lambda k: (1.0 / (1.0 + k))[:, None], (0.0,))


def test_unstable_states_are_refused():
    collisions, rho = build("screened", 36, 5.0, potential=Potential(Power(6.0), 4.0, 20.0),
                            state=BoostedThermal(0.2, 2.5, 1.0))  # fmt: skip
    with pytest.raises(SolverError, match="unstable"):
        collisions(rho)


# --- kind full ---


def mesh_solution(terms=("streaming", "diffusion", "collective", "contact"), strength=1.0, tolerance=1e-8, **keywords):
    mesh = mesh_of(16, 4.0, **keywords)
    potential = Potential(Gaussian(), strength, 8.0)
    rho = STATE.sample(mesh.theta, mesh.theta_weight, RODS)
    solver = MeshCorrelations(RODS, potential, mesh, "fluctuation", PETSc.COMM_SELF, tolerance, terms)
    return solver, rho, potential, mesh


def test_full_is_stationary_in_the_hierarchy():
    solver, rho, potential, mesh = mesh_solution()
    result = solver.solve(rho)
    h = Started(mesh, RODS, potential, comm=PETSc.COMM_SELF)
    h.initial_rho = rho
    g = solver.pair.copy()
    one_body, moving = h.rates(g)
    _, source = h.rates(np.zeros_like(g))
    assert np.abs(moving).max() < 1e-6 * np.abs(source).max()
    np.testing.assert_allclose(one_body[:-1], result.rate)
    again = solver.solve(rho)
    assert again.iterations <= 1  # warm start


def test_full_without_contact_is_landau():
    """The finite domain with its absorbing layer against the infinite line."""
    solver, rho, potential, mesh = mesh_solution(("streaming", "diffusion"), tolerance=1e-6, z_max=160.0)
    collisions = build_operator("landau", RODS, potential, mesh, PETSc.COMM_SELF, staggered=False)
    expected = collisions(rho)
    result = solver.solve(rho)
    assert np.abs(result.rate - expected.rate).max() < 0.02 * np.abs(expected.rate).max()
    assert abs(result.interaction_energy / 0.2 / expected.interaction_energy - 1.0) < 0.01


def test_full_that_does_not_converge_is_an_error():
    options = PETSc.Options()
    options["kinetic_g_ksp_max_it"] = "2"
    try:
        collisions, rho = build("full", 16)
        with pytest.raises(SolverError, match="GMRES"):
            collisions(rho)
    finally:
        options.delValue("kinetic_g_ksp_max_it")


def test_register():
    """Kinds by name; an unknown one and an option that a kind has no use for are one line with what is allowed."""
    assert {"landau", "screened", "full", "coherent", "three_body"} <= kinds().keys()
    assert all(operator.kind == kind and operator.equation for kind, operator in kinds().items())
    with pytest.raises(InputError, match=r"kinetic\.kind = 'boltzmann': unknown; allowed: coherent, full, landau"):
        build("boltzmann")
    with pytest.raises(InputError, match=r"kinetic\.second_order = true: .* landau .*; allowed with: coherent"):
        build("landau", second_order=True)
    build("full", 16, staggered=False, second_order=False)  # what is off is not asked for
    with pytest.raises(InputError, match=r"kinetic\.spectrum = 2: not for kinetic\.kind = full; allowed: .*landau"):
        spectrum(*build("full", 16), 2)


def test_full_refuses_staggered_meshes_and_rings():
    with pytest.raises(InputError, match="staggered"):
        build("full", staggered=True)
    with pytest.raises(InputError, match="periodic"):
        build_operator("full", RODS, POTENTIAL, mesh_of(boundary=Boundary.PERIODIC), PETSc.COMM_SELF)


# --- against the hierarchy ---


def test_slope_of_the_hierarchy_and_its_memory():
    """Late slope of a hierarchy run at leading order: the kinetic equation, and its memory correction."""
    mesh = mesh_of(20, 4.0, z_max=96.0)
    potential = Potential(Gaussian(), 1.0, 8.0)
    start = STATE.sample(mesh.theta, mesh.theta_weight, RODS)
    h = Hierarchy(mesh, RODS, potential, "leading", comm=PETSc.COMM_SELF)
    reports = []
    with Integrator(h, h.initial_vector(start)) as integrator:
        integrator.run(1500.0, (), reports.append)
    last = reports[-1].measurement
    collisions = build_operator("landau", RODS, potential, mesh, PETSc.COMM_SELF, staggered=False)
    rate, R = collisions.rate(last.rho), collisions.retardation(last.rho)
    rates = (last.rho_rate, rate, np.linalg.solve(np.eye(20) - R, rate))
    slope, markov, delayed = (observables.kurtosis_rate(mesh.theta, last.rho, one) for one in rates)
    assert abs(markov / slope - 1.0) < 0.1
    assert abs(delayed / slope - 1.0) < 0.03


@pytest.mark.parametrize(("kind", "order"), [("landau", "leading"), ("screened", "collective")])
def test_memory_is_the_fast_stage_of_the_hierarchy(kind, order):
    """From t = 0: kurtosis and kinetic energy of a hierarchy run, up to the change of rho during memory, V0^2."""
    mesh, left = mesh_of(20, 4.0, z_max=96.0), []
    rho = STATE.sample(mesh.theta, mesh.theta_weight, RODS)
    for strength in (1.0, 0.5):
        potential = Potential(Gaussian(), strength, 8.0)
        collisions = build_operator(
            kind, RODS, potential, mesh, PETSc.COMM_SELF, staggered=False, memory=True, tolerance=1e-4
        )
        ends = []
        for equation in (Hierarchy(mesh, RODS, potential, order, comm=PETSc.COMM_SELF), KineticEquation(collisions)):
            reports, equation.rho_tolerance = [], 2e-5
            tight = {"ksp_rtol": 1e-6}  # of the hierarchy's linear solver, which this is not about
            with Integrator(equation, equation.initial_vector(rho), 0.0, 40.0, tight) as integrator:
                integrator.run(40.0, (20.0,), reports.append)
            ends.append({r.t: r.measurement for r in reports})
        exact, memory = ends
        rise = exact[40.0].kurtosis - exact[0.0].kurtosis
        left.append(max(abs(memory[t].kurtosis - exact[t].kurtosis) / rise for t in (20.0, 40.0)))
        gain = exact[40.0].kinetic_energy - exact[0.0].kinetic_energy
        assert memory[40.0].kinetic_energy - memory[0.0].kinetic_energy == pytest.approx(gain, rel=0.02)
    assert left[0] < 0.02
    assert left[1] < 0.45 * left[0]


@pytest.mark.parametrize("kind", ["landau", "screened"])
def test_memory_begins_with_nothing_and_ends_stationary(kind):
    """I = 0 at t = 0, then linear in t for a moment; number and momentum always; the stationary integral for late t."""
    collisions, rho = build(kind, memory=True)
    still, _ = build(kind)
    stationary = still(rho).rate
    scale = np.abs(stationary).max()
    assert not np.any(collisions(rho).rate)
    rates = {}
    for t in (0.01, 0.02, 40.0, 1e9):
        collisions.at(t)
        result = collisions(rho)
        rates[t] = result.rate
        assert max(result.defects[:2]) < 1e-10
    np.testing.assert_allclose(rates[0.02], 2.0 * rates[0.01], atol=1e-3 * np.abs(rates[0.02]).max())
    assert np.abs(rates[40.0] - stationary).max() > 0.1 * scale
    np.testing.assert_allclose(rates[1e9], stationary, atol=1e-4 * scale)


# --- solver and spectrum ---


def relax(end, comm=PETSc.COMM_SELF, kind="landau", state=STATE, points=16, **options):
    """rho at the end and all reports, with options of prefix kinetic_ given as keywords."""
    collisions, rho = build(kind, points, comm=comm, state=state)
    equation, reports = KineticEquation(collisions), []
    table = {f"kinetic_{key}": value for key, value in options.items()}
    with Integrator(equation, equation.initial_vector(rho), 0.0, end, table) as integrator:
        integrator.run(end, (), reports.append)
        final = equation.gather_rho(integrator.state)
    return final, reports


def test_order_of_the_default_integrator():
    exact, _ = relax(400.0, ts_type="rk", ts_rk_type="5dp", ts_adapt_type="none", ts_dt=25.0)
    errors = []
    for step in (100.0, 50.0):
        final, _ = relax(400.0, ts_adapt_type="none", ts_dt=step)
        errors.append(np.abs(final - exact).max())
    assert np.log2(errors[0] / errors[1]) > 1.7
    final, _ = relax(400.0, ts_type="bdf", ts_adapt_type="none", ts_dt=10.0)
    assert np.abs(final - exact).max() < 2e-3 * exact.max()


def test_relaxation_to_the_maxwellian():
    """Kurtosis rises to zero, energy stays, and the end is the thermal state of that energy."""
    final, reports = relax(60000.0)
    kurtosis = np.array([r.measurement.kurtosis for r in reports])
    energy = np.array([r.measurement.kinetic_energy for r in reports])
    assert np.diff(kurtosis).min() > -1e-4 and abs(kurtosis[-1]) < 1e-3 and kurtosis[0] < -0.3
    assert np.abs(energy / energy[0] - 1.0).max() < 1e-11
    collisions, rho = build(points=16)
    _, thermal = thermal_state(collisions, rho)
    assert np.abs(final - thermal).max() < 2e-3 * thermal.max()


def test_spectrum_governs_the_late_decay():
    collisions, rho = build(points=36, theta_max=6.0)
    result = spectrum(collisions, rho, 4)
    assert np.all(np.diff(result.rates) >= 0.0) and result.rates[0] > 0.0
    small = 1e-4 * result.rho.max() * result.modes[1]
    collisions(rho)
    numeric = (collisions(result.rho + small).rate - collisions(result.rho - small).rate) / 2.0
    assert np.abs(numeric + result.rates[1] * small).max() < 1e-2 * result.rates[1] * np.abs(small).max()
    wider = spectrum(*build(points=48, theta_max=8.0), 1)
    assert abs(wider.kurtosis_rate / result.kurtosis_rate - 1.0) < 0.01


def test_spectra_are_for_states_at_rest():
    collisions, rho = build()
    with pytest.raises(InputError, match="momentum"):
        thermal_state(collisions, rho * (1.0 + 0.1 * collisions.mesh.theta))


@pytest.mark.parallel
@pytest.mark.parametrize("kind", ["landau", "screened", "full"])
def test_ranks_agree_on_the_integral(kind):
    results = []
    for comm in (PETSc.COMM_WORLD, PETSc.COMM_SELF):
        collisions, rho = build(kind, 16, comm=comm, tolerance=1e-8, potential=Potential(Gaussian(), 1.0, 8.0))
        result = collisions(rho)
        results.append((result.rate, result.density_correlation, collisions.derivative(rho)))
    for many, one in zip(*results, strict=True):
        np.testing.assert_allclose(many, one, atol=1e-6 * np.abs(one).max())


@pytest.mark.parallel
def test_ranks_agree_on_a_run():
    one, _ = relax(500.0)
    many, _ = relax(500.0, comm=PETSc.COMM_WORLD)
    np.testing.assert_allclose(many, one, atol=1e-10)
