"""Terms against exact stationary states, and fast application against assembled products."""

from dataclasses import replace

import numpy as np
import pytest
from assembled import check_operator_equals_assembled
from conftest import pair_correlation, state_vector
from petsc4py import PETSc

from gbbgky_petsc.equations.linearisation import Jacobian
from gbbgky_petsc.fields import ONE_BODY, PAIR
from gbbgky_petsc.physics.models import FreeParticles, HardRods, LiebLiniger
from gbbgky_petsc.physics.potential import Gaussian, Potential
from gbbgky_petsc.physics.states import Thermal
from gbbgky_petsc.solvers.lines import Lines
from gbbgky_petsc.solvers.lyapunov import Coupled
from gbbgky_petsc.solvers.normal_modes import NormalModes, inner_solver
from gbbgky_petsc.terms import PairTerm


@pytest.mark.parametrize("boundary", ["periodic", "absorbing", "zero"])
@pytest.mark.parametrize("closure", ["fluctuation", "printed"])
def test_terms_equal_their_kronecker_products(small, storage, boundary, closure):
    h = small(boundary, closure=closure, comm=PETSc.COMM_SELF, theta_points=12, model=LiebLiniger(2.0))
    g = pair_correlation(h)
    point = h.at(h.initial_rho)
    for name, term in h.terms.items():
        if not isinstance(term, PairTerm):
            continue
        _, out = h.rates(g, {name})
        assembled = (sum(p.matrix() for p in term.summands(point)) @ g.ravel()).reshape(g.shape)
        np.testing.assert_allclose(out, assembled, atol=1e-12 * np.abs(assembled).max(), err_msg=term.name)


def rates(h, g):
    return h.rates(g)


@pytest.mark.parametrize("model", [HardRods(1.0), LiebLiniger(1.0)])
def test_thermal_pair_function_at_leading_order(small, model):
    """g = -beta V c c is stationary (SA.18)-(SA.20), and rho does not move."""
    beta = 0.8
    h = small(
        order="leading", comm=PETSc.COMM_SELF, theta_max=6.0, theta_points=60, model=model, state=Thermal(0.2, beta)
    )
    c = h.background(h.initial_rho).charge
    g = -beta * h.setting.V[:, None, None] * c[:, None] * c[None, :]
    one_body, pair = rates(h, g)
    _, source = rates(h, np.zeros_like(g))
    assert np.abs(pair).max() < 2e-5 * np.abs(source).max()
    assert np.abs(one_body).max() < 1e-14


def test_thermal_pair_function_with_collective(small):
    """G_k = -beta V_k/(1 + beta chi V_k) c c with chi = int c."""
    beta = 0.8
    # theta_max = 8: the window then cuts rho at exp(-25), below the accuracy asked for
    h = small(order="collective", comm=PETSc.COMM_SELF, theta_max=8.0, theta_points=60, state=Thermal(0.2, beta))
    c = h.background(h.initial_rho).charge
    chi = h.mesh.theta_weight * c.sum()
    V_k = h.mesh.z_spacing * np.fft.rfft(np.fft.ifftshift(h.setting.V)).real
    profile = np.fft.fftshift(np.fft.irfft(-beta * V_k / (1.0 + beta * chi * V_k), n=h.mesh.z_points))
    g = profile[:, None, None] / h.mesh.z_spacing * c[:, None] * c[None, :]
    _, pair = rates(h, g)
    _, source = rates(h, np.zeros_like(g))
    assert np.abs(pair).max() < 1e-9 * np.abs(source).max()


def test_free_pair_function_fixes_the_contact_sign(small):
    """rho rho' (exp(-beta V) - 1) is stationary for free particles without the three-point (collective) part."""
    beta = 0.8
    worst = []
    for spacing in (2.0, 1.0):
        h = small(
            comm=PETSc.COMM_SELF, theta_max=8.0, theta_points=50, z_spacing=spacing, model=FreeParticles(),
            state=Thermal(0.2, beta), potential=Potential(Gaussian(), 4.0, 8.0),
        )  # fmt: skip
        rho, V = h.initial_rho, h.setting.V
        g = np.expm1(-beta * V)[:, None, None] * rho[:, None] * rho[None, :]
        names = set(h.terms) - {"collective"}
        _, pair = h.rates(g, names)
        _, source = h.rates(np.zeros_like(g), names)
        worst.append(np.abs(pair).max() / np.abs(source).max())
    assert worst[1] < 2e-6
    assert np.log2(worst[0] / worst[1]) > 5.3  # sixth-order stencil


@pytest.mark.parametrize("boundary", ["periodic", "absorbing", "zero"])
@pytest.mark.parametrize("order", ["leading", "collective", "full"])
def test_invariants_of_the_discrete_equations(small, storage, boundary, order):
    """Number, momentum and kinetic + interaction + absorbed energy, for any g, exchange symmetry or not."""
    h = small(boundary, order, comm=PETSc.COMM_SELF)
    g = np.random.default_rng(2).standard_normal((h.mesh.z_points, 20, 20))
    if storage == "mirrored":
        g = pair_correlation(h, scale=1.0)
    one_body, pair = rates(h, g)
    theta, weight = h.mesh.theta, h.mesh.theta_weight
    rho_rate = one_body[:-1]
    scale = np.abs(rho_rate).max()
    assert abs(rho_rate.sum()) < 1e-12 * scale
    assert abs((theta * rho_rate).sum()) < 1e-11 * scale
    kinetic = weight * (0.5 * theta**2 * rho_rate).sum()
    interaction = weight * (h.setting.energy_weights @ pair.sum(axis=(1, 2)))
    assert abs(kinetic) > 1e-3 * scale
    assert abs(kinetic + interaction + one_body[-1]) < 1e-11 * abs(kinetic)


def python_matrix(h, x, shift):
    jacobian = Jacobian()
    jacobian.set(h.linearise(x), shift)
    A = PETSc.Mat().createPython((x.getSizes(), x.getSizes()), jacobian, comm=x.comm)
    A.setUp()
    return A, jacobian


def test_jacobian_is_the_derivative(small):
    """Exact in g; exact in rho at leading order around g = 0."""
    h = small(order="leading", comm=PETSc.COMM_SELF)
    x = state_vector(h, np.zeros((h.mesh.z_points, 20, 20)))
    A, _ = python_matrix(h, x, 0.0)
    direction = state_vector(h, pair_correlation(h, 1), rho_change=0.0)
    values = direction.array_w
    h.fields.part(values, ONE_BODY)[:-1] = 0.01 * np.cos(h.mesh.theta) * np.exp(-(h.mesh.theta**2))
    h.fields.part(values, ONE_BODY)[-1] = 0.0
    product, plus, minus = (x.duplicate() for _ in range(3))
    A.mult(direction, product)
    eps = 1e-4
    for sign, out in ((eps, plus), (-eps, minus)):
        moved = x.copy()
        moved.axpy(sign, direction)
        h.rhs(None, 0.0, moved, out)
    numeric = (plus.array_r - minus.array_r) / (2.0 * eps)
    # the change of A and D with rho acts on g = O(eps) here: second order in eps, cancelled by the central difference
    np.testing.assert_allclose(-product.array_r, numeric, atol=1e-6 * np.abs(numeric).max())


@pytest.mark.parametrize("boundary", ["periodic", "absorbing", "zero"])
def test_assembled_jacobian_equals_operator(small, storage, boundary):
    h = small(boundary, comm=PETSc.COMM_SELF, theta_points=10, z_spacing=6.0)
    check_operator_equals_assembled(h, state_vector(h, pair_correlation(h)))


@pytest.mark.parallel
@pytest.mark.parametrize("boundary", ["periodic", "absorbing", "zero"])
def test_any_number_of_ranks_gives_the_same_operators(small, storage, boundary):
    """Right-hand side, Jacobian and preconditioner against one rank alone."""
    results = []
    for comm in (PETSc.COMM_WORLD, PETSc.COMM_SELF):
        h = small(boundary, comm=comm)
        x = state_vector(h, pair_correlation(h))
        A, jacobian = python_matrix(h, x, 0.05)
        inverse = Coupled(h.setting, h.fields, h.implicit)
        inverse.decompose(jacobian.linearisation.point)
        inverse.set_shift(0.05)
        f, y = x.duplicate(), x.duplicate()
        h.rhs(None, 0.0, x, f)
        A.mult(x, y)
        one_body, pair = inverse.solve(h.fields.gather(x.array_r, ONE_BODY), h.fields.part(x.array_r, PAIR))
        whole = [
            h.fields.slab().gather_planes(p)
            for p in (h.fields.part(f.array_r, PAIR), h.fields.part(y.array_r, PAIR), pair)
        ]
        results.append([*whole, h.fields.gather(f.array_r, ONE_BODY), h.fields.gather(y.array_r, ONE_BODY), one_body])
    for many, one in zip(*results, strict=True):
        np.testing.assert_allclose(many, one, atol=1e-11 * np.abs(one).max())


@pytest.mark.parallel
def test_lyapunov_preconditioner_inverts_the_periodic_jacobian(small, storage):
    h = small("periodic", "collective")
    x = state_vector(h, np.zeros_like(pair_correlation(h)))
    A, jacobian = python_matrix(h, x, 0.03)
    inverse = Coupled(h.setting, h.fields, h.implicit)
    inverse.decompose(jacobian.linearisation.point)
    inverse.set_shift(0.03)
    v, y = state_vector(h, pair_correlation(h, 5), rho_change=0.1), x.duplicate()
    A.mult(v, y)
    one_body, pair = inverse.solve(h.fields.gather(y.array_r, ONE_BODY), h.fields.part(y.array_r, PAIR))
    np.testing.assert_allclose(one_body, h.fields.gather(v.array_r, ONE_BODY), atol=1e-11)
    np.testing.assert_allclose(pair, h.fields.part(v.array_r, PAIR), atol=1e-11)


class DiagonalDiffusion(LiebLiniger):
    """Diffusion without its off-diagonal part in normal modes."""

    def background(self, theta, weight, rho):
        b = super().background(theta, weight, rho)
        inverse = np.linalg.inv(b.rotation)
        d = np.diag(b.rotation @ b.diffusion @ inverse)
        return replace(b, diffusion=inverse @ (d[:, None] * b.rotation))


@pytest.mark.parallel
@pytest.mark.parametrize("order", [2, 4, 6])
def test_lines_equal_the_assembled_matrix_of_normal_modes(small, order):
    """With outflow at the ends, whose rate depends on the pair, and a number of lines that no block divides."""
    h = small("zero", "leading", theta_points=21, stencil_order=order, model=LiebLiniger(2.0))
    point = h.at(h.initial_rho)
    options = PETSc.Options()
    options["normal_modes_pc_type"] = "lu"
    direct = Lines(h.setting, h.fields, h.implicit)
    assembled = NormalModes(h.setting, h.fields, h.implicit, inner_solver("normal_modes_"))
    options.delValue("normal_modes_pc_type")
    pair = pair_correlation(h, 5)[h.fields.slab().planes]
    one_body = np.append(h.initial_rho, 0.3)
    for shift in (1.0, 0.03):
        results = []
        for inverse in (direct, assembled):
            inverse.decompose(point)
            inverse.set_shift(shift)
            results.append(inverse.solve(one_body, pair))
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-11 * np.abs(theirs).max())
    assembled.destroy()


@pytest.mark.parallel
@pytest.mark.parametrize("boundary", ["periodic", "absorbing", "zero"])
def test_normal_mode_matrix_inverts_the_jacobian_of_diagonal_diffusion(small, boundary):
    """At leading order and for vectors that do not change rho P is then the whole Jacobian, at the ends as well."""
    options = PETSc.Options()
    options["normal_modes_pc_type"] = "lu"
    h = small(boundary, "leading", model=DiagonalDiffusion(2.0))
    x = state_vector(h, np.zeros_like(pair_correlation(h)))
    A, jacobian = python_matrix(h, x, 0.03)
    inverse = NormalModes(h.setting, h.fields, h.implicit, inner_solver("normal_modes_"))
    inverse.decompose(jacobian.linearisation.point)
    inverse._carried = 0.0  # such a diffusion does not keep the energy, hence no correction for it
    for shift in (1.0, 0.03):  # the second replaces the first
        inverse.set_shift(shift)
    options.delValue("normal_modes_pc_type")
    v, y = state_vector(h, pair_correlation(h, 5), rho_change=-1.0), x.duplicate()
    A.mult(v, y)
    one_body, pair = inverse.solve(h.fields.gather(y.array_r, ONE_BODY), h.fields.part(y.array_r, PAIR))
    scale = np.abs(pair).max()
    np.testing.assert_allclose(pair, h.fields.part(v.array_r, PAIR), atol=1e-11 * scale)
    np.testing.assert_allclose(one_body, 0.0, atol=1e-11)
    mesh = h.mesh
    width = 2 * mesh.stencil.width + 1
    missing = 0 if mesh.wraps else mesh.stencil.width * (mesh.stencil.width + 1)
    lines = mesh.theta_points * (mesh.theta_points + 1) // 2  # (j, i) is (i, j) mirrored
    expected = lines * (mesh.z_points * width - missing)
    own = inverse.matrix.getInfo(PETSc.Mat.InfoType.GLOBAL_SUM)["nz_used"]  # a rank has lines of its own
    assert h.fields.comm.allreduce(own) == expected
