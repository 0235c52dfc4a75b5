"""The four-field system: against brute force, exact stationary states, limits and conservation laws."""

import numpy as np
import pytest
import scipy.linalg
from conftest import pair_correlation, whole_pair
from petsc4py import PETSc

from gbbgky_petsc.discrete.symmetric import SymmetricPairs
from gbbgky_petsc.equations.linearisation import Jacobian, Linearisation
from gbbgky_petsc.fields import ONE_BODY, PAIR, Rate
from gbbgky_petsc.physics.models import FreeParticles, HardRods, LiebLiniger
from gbbgky_petsc.physics.models.third_order import third_order
from gbbgky_petsc.physics.potential import Gaussian, Potential
from gbbgky_petsc.physics.states import Thermal
from gbbgky_petsc.solvers.integrator import Integrator
from gbbgky_petsc.solvers.triples import TripleInverse
from gbbgky_petsc.terms.cells import COVARIANCE, TRIPLE

N = 10


def make(small, boundary="periodic", order="four_fields", comm=PETSc.COMM_SELF, **keywords):
    return small(boundary, order, comm=comm, **({"theta_points": N, "z_spacing": 6.0} | keywords))


def state(h, g, g3=None, c2=None):
    """State vector with this rank's part of a whole g and of a whole g3, (Nz, N, N, N), symmetric in its first two."""
    x, fields = h.start(), h.fields
    planes = fields.slab().planes
    values = {PAIR: g[planes]}
    if g3 is not None:
        values[TRIPLE] = SymmetricPairs(h.mesh.theta_points).pack(g3[planes])
    if c2 is not None:
        values[COVARIANCE] = c2
    fields.store(x.array_w, values)
    return x


def rate(h, x, names=None):
    """d/dt of every block, slabs of this rank, triples unpacked; from some terms or all."""
    f = x.duplicate()
    out = Rate(h.fields, f.array_w)
    h.add([t for name, t in h.terms.items() if names is None or name in names], h.fields.read(x.array_r), out)
    found = {name: out[name] for name in h.fields.blocks}
    if TRIPLE in found:
        found[TRIPLE] = SymmetricPairs(h.mesh.theta_points).unpack(found[TRIPLE])
    return found


def random_fields(h, seed=0):
    """g, g3 and c2 with their symmetries and nothing else in common."""
    g, n = pair_correlation(h, seed), h.mesh.theta_points
    random = np.random.default_rng(seed + 100)
    g3 = 1e-3 * random.standard_normal((len(g), n, n, n))
    c2 = 1e-3 * random.standard_normal((n, n))
    c2 = c2 + c2.T + third_order(h.background(h.initial_rho)).covariance_regular
    return g, g3 + g3.swapaxes(1, 2), c2


def closure(b, g):
    """K_2 g, (Nz, N, N, N)."""
    return np.einsum("jab,zjc->zabc", third_order(b).covariance_change(np.eye(b.rho.size)), g)


@pytest.mark.parametrize("model", [HardRods(1.0), LiebLiniger(2.0)])
def test_triple_streaming_by_finite_differences(small, model):
    """The bracket of eq. (SA.7) put together as operators, with A differentiated numerically."""
    h = make(small, model=model)
    g, g3, c2 = random_fields(h)
    w, rho, b = h.mesh.theta_weight, h.initial_rho, h.background(h.initial_rho)
    eps, unit = 1e-4, np.eye(N)
    pairs = [[h.setting.at(rho + s * eps * unit[j]).background for s in (1, -1)] for j in range(N)]
    H = np.array([(p.flux_jacobian - m.flux_jacobian) / (2 * eps) for p, m in pairs])
    dv = np.array([(p.velocity - m.velocity) / (2 * eps) for p, m in pairs])
    dP = np.array([(p.rho * p.statistical_factor - m.rho * m.statistical_factor) / (2 * eps) for p, m in pairs])
    P, A, C = rho * b.statistical_factor, b.flux_jacobian, np.diag(rho * b.statistical_factor) + w * c2

    def bracket(z, k):
        along = g[z, :, k]
        response, changed = w * g3[z, :, :, k] + np.diag(along @ dP), np.tensordot(along, H, 1)
        whole = A @ response + changed @ C
        delta = b.velocity * (along @ dP) + (along @ dv) * P
        return (0.5 * (whole + whole.T) - np.diag(delta)) / w

    flux = np.array([[bracket(z, k) for k in range(N)] for z in range(len(g))]).transpose(0, 2, 3, 1) - g3 @ A.T
    expected = -h.mesh.stencil.differentiate(flux, wraps=True)
    found = rate(h, state(h, g, g3, c2), {"triple_streaming"})[TRIPLE]
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("model", [HardRods(1.0), LiebLiniger(1.0)])
@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_contact_of_the_closure_is_the_fluctuation_closure(small, model, boundary):
    """With g3 = K_2 g and c2 = C_reg the equations of rho and g are those of order full."""
    h, full = (make(small, boundary, order, model=model) for order in ("four_fields", "full"))
    g = pair_correlation(h)
    found = rate(h, state(h, g, closure(h.background(h.initial_rho), g)))
    expected = rate(full, state(full, g))
    np.testing.assert_allclose(found[ONE_BODY], expected[ONE_BODY], atol=1e-13)
    np.testing.assert_allclose(found[PAIR][full.fields.slab().planes], expected[PAIR], atol=1e-13)


@pytest.mark.parametrize(
    ("order", "model", "theta_max", "points", "accuracy"),
    [
        ("four_fields", HardRods(1.0), 8.0, 48, 1e-13),
        ("three_fields", HardRods(1.0), 8.0, 48, 1e-13),
        ("three_fields", LiebLiniger(2.0), 6.0, 64, 1e-6),
        ("four_fields", LiebLiniger(2.0), 6.0, 96, 1e-10),
    ],
)
def test_thermal_state_is_stationary(small, order, model, theta_max, points, accuracy):
    """g = -beta V c c and g3 = -beta V Gamma c at first order in V, to rounding on a mesh that resolves T."""
    beta, mesh = 1.0, {"theta_max": theta_max, "theta_points": points, "z_max": 24.0, "z_spacing": 6.0}
    h = make(small, order=order, model=model, state=Thermal(0.2, beta), **mesh)
    b = h.background(h.initial_rho)
    V, c = h.setting.V[:, None, None], b.charge
    gamma = third_order(b).pair_response
    thermal = state(h, -beta * V * np.outer(c, c), -beta * V[..., None] * gamma[:, :, None] * c)
    names = {"streaming", "diffusion", "forcing", "triple_streaming", "triple_forcing"}
    found, forced = rate(h, thermal, names), rate(h, h.start(), names)
    assert np.abs(found[PAIR]).max() < accuracy * np.abs(forced[PAIR]).max()
    assert np.abs(found[TRIPLE]).max() < accuracy * np.abs(forced[TRIPLE]).max()
    at_rest = rate(h, thermal, {"correlation_force", "covariance_force"})
    assert max(np.abs(at_rest[name]).max() for name in (ONE_BODY, COVARIANCE) if name in at_rest) < 1e-16


@pytest.mark.parametrize("boundary", ["periodic", "absorbing", "zero"])
def test_invariants(small, boundary):
    """Number, momentum and energy for any fields."""
    h = make(small, boundary)
    found = rate(h, state(h, *random_fields(h)))
    theta, w = h.mesh.theta, h.mesh.theta_weight
    rho_rate, absorbed = found[ONE_BODY][:-1], found[ONE_BODY][-1]
    kinetic = w * (0.5 * theta**2 @ rho_rate)
    interaction = w * (h.setting.energy_weights @ found[PAIR].sum(axis=(1, 2)))
    scale = np.abs(rho_rate).max()
    assert abs(rho_rate.sum()) < 1e-12 * scale
    assert abs(theta @ rho_rate) < 1e-11 * scale
    assert abs(kinetic) > 1e-3 * scale
    assert abs(kinetic + interaction + absorbed) < 1e-11 * abs(kinetic)


def test_covariance_moves_along_the_diagonal_only(small):
    """int c2 at fixed theta_1 - theta_2 does not change, that of C_reg does: c2 cannot stay in the GGE (SA.5)."""
    h = make(small, theta_max=6.0, theta_points=40)
    b, theta = h.background(h.initial_rho), h.mesh.theta
    smooth = np.exp(-(theta**2)) * np.sin(theta)
    g = h.setting.force[:, None, None] * (smooth[:, None] * h.initial_rho - h.initial_rho[:, None] * smooth)
    change = rate(h, state(h, g, closure(b, g)))
    followed = third_order(b).covariance_change(change[ONE_BODY][:-1])
    offsets = range(-39, 40)
    kept, moved = (np.array([np.trace(k, d) for d in offsets]) for k in (change[COVARIANCE], followed))
    assert np.abs(change[COVARIANCE]).max() > 0.1 * np.abs(followed).max()
    assert np.abs(kept).max() < 1e-6 * np.abs(moved).max()


def test_free_particles_have_neither(small):
    """a = 0: c2 and g3 stay zero, rho and g obey BBGKY."""
    h, full = (make(small, order=order, model=FreeParticles()) for order in ("four_fields", "full"))
    g = pair_correlation(h)
    found, expected = rate(h, state(h, g)), rate(full, state(full, g))
    assert not found[COVARIANCE].any()
    assert not found[TRIPLE].any()
    np.testing.assert_allclose(found[ONE_BODY], expected[ONE_BODY], atol=1e-14)
    np.testing.assert_allclose(found[PAIR][full.fields.slab().planes], expected[PAIR], atol=1e-14)


def test_difference_from_the_closure_is_of_second_order(small):
    """g of the closure at first order in V0, a V0^2 apart (SC.1); the mean over signs of V0 has no third order."""
    sizes = []
    for strength in (0.25, 0.5):
        apart, g = np.zeros((2, 8, N, N))
        for sign in (1.0, -1.0):
            found = [correlation(small, order, sign * strength) for order in ("four_fields", "full")]
            apart += 0.5 * (found[0] - found[1])
            g += 0.5 * sign * found[1]
        sizes.append((np.abs(apart).max(), np.abs(g).max()))
    second, first = np.log2(np.array(sizes[1]) / sizes[0])
    assert second == pytest.approx(2.0, abs=0.05)
    assert first == pytest.approx(1.0, abs=0.05)
    assert sizes[0][0] > 1e-4 * sizes[0][1]


def correlation(small, order, strength):
    """g at t = 6, whole."""
    h = make(small, order=order, z_max=24.0, potential=Potential(Gaussian(), strength, 8.0))
    options = {"ts_adapt_type": "none", "ts_dt": 1.0, "ksp_rtol": 1e-10}
    with Integrator(h, h.start(), options=options) as integrator:
        integrator.run(6.0, [], lambda progress: None)
        return whole_pair(h, integrator.state.array_r)


@pytest.mark.parametrize("model", [HardRods(1.5), LiebLiniger(1.0)])
def test_free_streaming_of_the_closure(small, model):
    """g3 = K_2 g_t - 2 X g_t + 2 (X g_0 carried by the pair): bounded, nothing grows; X g the T^dr part of K_2 g.

    The exponential of the discrete operator at one wavenumber against the closed form.
    """
    h = make(small, model=model)
    b, third = h.background(h.initial_rho), third_order(h.background(h.initial_rho))
    n, A, unit = N, b.flux_jacobian, np.eye(N)
    flux = third.pair_flux(unit, third.covariance_regular).transpose(1, 2, 0)
    both = np.kron(A, unit) + np.kron(unit, A)
    generator = np.block([[A, np.zeros((n, n * n))], [flux.reshape(-1, n), 0.5 * both]])  # v_3 only shifts the frame
    g = np.exp(-((h.mesh.theta - 0.3) ** 2))

    def parts(g):
        filling = (b.rotation @ g) / b.density_of_states
        rotated = filling[:, None] * b.kernel_dressed * (b.rho * b.statistical_factor)
        return third.covariance_change(g), b.rotation_inverse @ (rotated + rotated.T) @ b.rotation_inverse.T

    whole, X = parts(g)
    for kt in (0.3, 30.0):
        moved = scipy.linalg.expm(-1j * kt * generator) @ np.concatenate([g, whole.ravel()])
        carried = scipy.linalg.expm(-0.5j * kt * A)
        whole_t, X_t = parts(moved[:n])
        expected = whole_t - 2.0 * X_t + 2.0 * carried @ X @ carried.T
        np.testing.assert_allclose(moved[n:].reshape(n, n), expected, atol=1e-11 * np.abs(whole).max())
    speeds = np.sort(scipy.linalg.eigvals(both).real)
    np.testing.assert_allclose(speeds, np.sort(np.add.outer(b.velocity, b.velocity).ravel()), atol=1e-7)


def test_jacobian_is_the_derivative(small):
    """Exact in g, g3 and c2 around g = 0; in rho but for the smooth change of Gamma."""
    h = make(small)
    n = h.mesh.theta_points
    x = h.start()
    g, g3, _ = random_fields(h, 1)
    c2 = np.exp(-np.add.outer(h.mesh.theta**2, h.mesh.theta**2))
    direction = state(h, g, g3, 1e-2 * c2)
    h.fields.store(direction.array_w, {ONE_BODY: np.zeros(n + 1)})
    J = Jacobian()
    J.set(h.linearise(x), 0.0)
    A = PETSc.Mat().createPython((x.getSizes(), x.getSizes()), J, comm=x.comm)
    A.setUp()
    product, plus, minus = (x.duplicate() for _ in range(3))
    A.mult(direction, product)
    eps = 1e-4
    for sign, out in ((eps, plus), (-eps, minus)):
        moved = x.copy()
        moved.axpy(sign, direction)
        h.rhs(None, 0.0, moved, out)
    numeric = (plus.array_r - minus.array_r) / (2.0 * eps)
    np.testing.assert_allclose(-product.array_r, numeric, atol=1e-8 * np.abs(numeric).max())


@pytest.mark.parallel
def test_recorded_moments(small):
    """Against sums over all of c2 and g3, on any number of ranks."""
    h = make(small, comm=PETSc.COMM_WORLD)
    g, g3, c2 = random_fields(h)
    x, w, b = state(h, g, g3, c2), h.mesh.theta_weight, h.background(h.initial_rho)
    found, closed = h.record(x), closure(b, g)
    gge = third_order(b).covariance_regular
    expected = {
        "covariance": c2,
        "covariance_rate": rate(h, x, {"covariance_force"})[COVARIANCE],
        "covariance_drift": np.abs(c2 - gge).max() / np.abs(gge).max(),
        "triple_density": w**3 * g3.sum(axis=(1, 2, 3)),
        "triple_response": w**2 * g3.sum(axis=(2, 3)),
        "triple_excess": np.abs(g3 - closed).max() / np.abs(closed).max(),
    }
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-12 * np.abs(value).max(), err_msg=name)


@pytest.mark.parallel
def test_triple_inverse(small):
    """It inverts shift - streaming of g3 alone on a ring."""
    h = make(small, comm=PETSc.COMM_WORLD)
    x = state(h, np.zeros((h.mesh.z_points, N, N)), random_fields(h)[1])
    h.fields.store(x.array_w, {ONE_BODY: np.zeros(N + 1), COVARIANCE: np.zeros((N, N))})
    at = h.linearise(h.start())
    only = Linearisation(at.setting, at.fields, [h.terms["triple_streaming"]], at.point, at.state)
    J, y = Jacobian(), x.duplicate()
    J.set(only, 0.2)
    A = PETSc.Mat().createPython((x.getSizes(), x.getSizes()), J, comm=x.comm)
    A.setUp()
    A.mult(x, y)
    inverse = TripleInverse(only)
    inverse.decompose(at.point)
    inverse.set_shift(0.2)
    found = inverse.solve(h.fields.part(y.array_r, TRIPLE))
    np.testing.assert_allclose(found, h.fields.part(x.array_r, TRIPLE), atol=1e-14)


@pytest.mark.parallel
@pytest.mark.parametrize("boundary", ["periodic", "absorbing", "zero"])
def test_any_number_of_ranks_gives_the_same_rates(small, boundary):
    results = []
    for comm in (PETSc.COMM_WORLD, PETSc.COMM_SELF):
        h = make(small, boundary, comm=comm)
        found = rate(h, state(h, *random_fields(h)))
        slab = h.fields.slab()
        results.append({name: slab.gather_planes(v) if name in (PAIR, TRIPLE) else v for name, v in found.items()})
    for name, one in results[1].items():
        np.testing.assert_allclose(results[0][name], one, atol=1e-13 * np.abs(one).max(), err_msg=name)
