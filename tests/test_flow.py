"""Layer 1 in space: closed forms, invariants, stationary states, growth rates."""

from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc
from scipy.integrate import quad
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.special import erf

from gbbgky_petsc import case
from gbbgky_petsc.discrete.mean_field import MeanField
from gbbgky_petsc.discrete.space import Edge, SpaceMesh
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.flow import problem
from gbbgky_petsc.flow.collisions import CollisionStep, local_collisions
from gbbgky_petsc.flow.equation import FlowEquation
from gbbgky_petsc.flow.integrate import FlowIntegrator, stable_steps
from gbbgky_petsc.flow.stencils import FlowStencil
from gbbgky_petsc.flow.velocity import DressedVelocity
from gbbgky_petsc.physics.models import HardRods, LiebLiniger
from gbbgky_petsc.physics.potential import Gaussian, Potential
from gbbgky_petsc.solvers.options import ScopedOptions

RODS = {"kind": "hard_rods", "length": 1.0}
BOSONS = {"kind": "lieb_liniger", "coupling": 1.0}
TRAPPED = {"kind": "trapped", "number": 8.0, "beta": 1.0}
HARMONIC = {"kind": "harmonic", "frequency": 0.1}


def flow(model=RODS, state=TRAPPED, trap=HARMONIC, mesh=(7.0, 48), space=None, end=10.0, strength=0.0, kinetic=None,
         **switches):  # fmt: skip
    """A flow problem from tables, V a Gaussian of range 3."""
    tree = {
        "model": model,
        "potential": {"kind": "gaussian", "strength": strength, "range": 3.0},
        "state": state,
        "mesh": {"theta_max": mesh[0], "theta_points": mesh[1]},
        "space": {"x_max": 80.0, "points": 96} | (space or {}),
        "time": {"end": end},
        "flow": switches,
        "kinetic": kinetic or {},
    }
    if trap is not None:
        tree["trap"] = trap
    return problem.build(case.parse(tree), Path("."))


def rate_of(p, rho=None, t=0.0, comm=PETSc.COMM_SELF):
    """d rho/dt, (Nx, N)."""
    with FlowEquation(p, comm) as equation:
        x, f = equation.create_vector(p.rho if rho is None else rho), equation.create_vector()
        equation.rhs(None, t, x, f)
        return equation.own(f, readonly=True).copy()


def evolved(p, end, rho=None, options=None):
    """rho at ``end``, (Nx, N), and the measurement there."""
    start = p.rho if rho is None else rho
    with (
        FlowEquation(p, PETSc.COMM_SELF) as equation,
        FlowIntegrator(equation, start, 0.0, options) as integrator,
    ):
        integrator.advance(end)
        return equation.own(integrator.state, readonly=True).copy(), equation.measure(integrator.state, end)


def expanding(p, number, width, beta, t):
    """Free expansion of rods: a Gaussian in contracted y, rho = f/(1 + a int f), x = y + a int^y int f."""
    a, s = p.model.length, np.sqrt(width**2 + t**2 / beta)
    x = p.space.x

    def place(y):
        return y + 0.5 * a * number * erf(y / (np.sqrt(2.0) * s))

    def line(y):
        return number * np.exp(-0.5 * (y / s) ** 2) / (np.sqrt(2.0 * np.pi) * s)

    y = x.copy()
    for _ in range(60):
        y -= (place(y) - x) / (1.0 + a * line(y))
    start = y[:, None] - p.theta * t
    f = number * np.exp(-0.5 * (start / width) ** 2 - 0.5 * beta * p.theta**2) * np.sqrt(beta) / (2.0 * np.pi * width)
    return f / (1.0 + a * line(y))[:, None]


def test_stencils_have_their_order_and_integrate_by_parts():
    for order in (4, 6, 8, 10, 12):
        stencil = FlowStencil(order)
        phase = np.array([0.4, 0.2])
        central = np.abs(FlowStencil(order, 0.0).symbol(phase) + 1j * phase)
        both = np.abs(stencil.symbol(phase) + 1j * phase)
        assert np.log2(central[0] / central[1]) == pytest.approx(order + 1, abs=0.15)
        assert np.log2(both[0] / both[1]) == pytest.approx(order, abs=0.15)
        assert stencil.symbol(np.linspace(0.0, np.pi, 50)).real.max() < 1e-12  # never grows
        phi = np.zeros(40)
        phi[12:28] = np.random.default_rng(1).standard_normal(16)
        for direction in (1, -1):
            slope = np.zeros(40)
            for m, c in zip(range(-stencil.width, stencil.width + 1), stencil.biased(direction), strict=True):
                slope += c * np.roll(phi, -m)
            i = np.arange(40.0) - 20.0
            assert abs(slope.sum()) < 1e-12
            assert abs((i * slope).sum() + phi.sum()) < 1e-11
            assert abs((i**2 * slope).sum() + 2.0 * (i * phi).sum()) < 1e-10


@pytest.mark.parametrize("order", [4, 8])
def test_free_expansion_of_rods_converges_with_its_order_in_x(order):
    errors = []
    for points in (48, 96):
        p = flow(trap=None, state={"kind": "wave", "mean_density": 0.1, "beta": 0.5, "amplitude": 0.0},
                 space={"x_max": 60.0, "points": points, "order": order}, mesh=(6.0, 32))  # fmt: skip
        rho, _ = evolved(p, 4.0, expanding(p, 8.0, 8.0, 1.0, 0.0))
        errors.append(np.abs(rho - expanding(p, 8.0, 8.0, 1.0, 4.0)).max())
    assert errors[1] < {4: 3e-5, 8: 1e-7}[order]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order - 1, abs=0.8)


def test_free_expansion_of_rods_converges_with_fourth_order_in_time():
    p = flow(trap=None, state={"kind": "wave", "mean_density": 0.1, "beta": 0.5, "amplitude": 0.0},
             space={"x_max": 60.0, "points": 128, "order": 12}, mesh=(6.0, 32))  # fmt: skip
    start, end = expanding(p, 8.0, 8.0, 1.0, 0.0), expanding(p, 8.0, 8.0, 1.0, 4.0)
    errors = [np.abs(evolved(p, 4.0, start, {"flow_ts_dt": 4.0 / n})[0] - end).max() for n in (24, 48)]
    assert errors[1] < 2e-10
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.3)


def test_free_particles_turn_in_the_trap_with_order_seven_in_theta():
    """a = 0: phase space rotates."""
    errors = []
    for points in (48, 96):
        p = flow(model={"kind": "free"}, space={"points": 160}, mesh=(8.0, points),
                 state={"kind": "wave", "mean_density": 0.1, "beta": 0.5, "amplitude": 0.0})  # fmt: skip
        x, theta, c, s = p.space.x[:, None], p.theta[None, :], np.cos(1.0), np.sin(1.0)

        def cloud(x, theta):
            return np.exp(-0.5 * ((x - 5.0) / 9.0) ** 2 - 0.5 * (theta - 0.5) ** 2)

        rho, _ = evolved(p, 10.0, cloud(x, theta))
        errors.append(np.abs(rho - cloud(x * c - theta * s / 0.1, theta * c + 0.1 * x * s)).max())
    assert errors[1] < 2e-6
    assert np.log2(errors[0] / errors[1]) == pytest.approx(7.0, abs=0.5)


def test_time_steps_have_fourth_order():
    """With trap and V, against themselves."""
    p = flow(strength=2.0, state=TRAPPED | {"offset": 5.0}, space={"x_max": 80.0, "points": 64}, mesh=(7.0, 32))
    rho = {n: evolved(p, 8.0, options={"flow_ts_dt": 8.0 / n})[0] for n in (32, 64, 128)}
    ratio = np.abs(rho[32] - rho[64]).max() / np.abs(rho[64] - rho[128]).max()
    assert np.log2(ratio) == pytest.approx(4.0, abs=0.3)


WALL = {"kind": "domain_wall", "width": 8.0, "left": {"density": 0.4, "beta": 1.0},
        "right": {"density": 0.1, "beta": 2.0}}  # fmt: skip


def wall(places, theta, t, a=1.0):
    """The domain wall of rods at time t, (M, N): free in contracted space. The left reservoir stays and anchors x."""
    p = flow(trap=None, state=WALL, space={"x_max": 160.0, "points": 3000}, mesh=(6.0, theta.size))
    x = p.space.x
    kappa = 1.0 - a * p.theta_weight * p.rho.sum(axis=1)
    y = x[0] + CubicSpline(x, kappa).antiderivative()(x)
    start = CubicSpline(y, p.rho / kappa[:, None])
    f = np.stack([start(np.clip(y - v * t, y[0], y[-1]))[:, j] for j, v in enumerate(theta)], axis=1)
    stretch = 1.0 + a * p.theta_weight * f.sum(axis=1)
    moved = x[0] + CubicSpline(y, stretch).antiderivative()(y)
    return CubicSpline(moved, f / stretch[:, None])(places)


@pytest.mark.parametrize("order", [4, 8])
def test_domain_wall_of_rods_converges_with_its_order_in_x(order):
    errors = []
    for points in (192, 256):
        p = flow(trap=None, state=WALL, space={"x_max": 100.0, "points": points, "order": order}, mesh=(6.0, 32))
        rho, m = evolved(p, 8.0)
        errors.append(np.abs(rho - wall(p.space.x, p.theta, 8.0)).max() / rho.max())
        assert m.negative < 1e-9
    assert errors[1] < {4: 3e-4, 8: 1e-6}[order]
    assert np.log(errors[0] / errors[1]) / np.log(256 / 192) == pytest.approx(order - 1, abs=0.8)


def test_ten_periods_keep_number_energy_and_entropy():
    """A cloud off centre and split, with V, at Euler order: dephasing winds phase space up, Casimirs stay."""
    p = flow(strength=2.0, state=TRAPPED | {"boost": 0.3, "offset": 4.0}, space={"points": 64}, mesh=(6.0, 40))
    with FlowEquation(p, PETSc.COMM_SELF) as equation:
        start = equation.create_vector(p.rho)
        before = equation.measure(start, 0.0)
        start.destroy()
    _, after = evolved(p, 200.0 * np.pi)
    for name, share in (("number", 1e-5), ("total_energy", 1e-4), ("entropy", 1e-3)):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=share), name


@pytest.mark.parametrize("model", [RODS, BOSONS])
@pytest.mark.parametrize("boundary", ["periodic", "open", "wall"])
def test_rates_conserve_number_momentum_and_energy(model, boundary):
    """Exactly with central differences; upwind dissipation leaves number and momentum alone."""
    for upwind in (0.0, 1.0):
        trap = None if boundary == "periodic" else HARMONIC
        p = flow(model=model, trap=trap, strength=3.0, mesh=(9.0, 48), diffusion=model is RODS,
                 state={"kind": "clouds", "cloud": [
                     {"number": 4.0, "centre": -14.0, "width": 5.0, "beta": 1.0, "boost": 1.0},
                     {"number": 2.0, "centre": 9.0, "width": 6.0, "beta": 1.5, "boost": -0.5}]},
                 space={"boundary": boundary, "upwind": upwind, "x_max": 60.0, "points": 96})  # fmt: skip
        rate = rate_of(p)
        cell = p.space.spacing * p.theta_weight
        size = cell * np.abs(rate).sum()
        with FlowEquation(p, PETSc.COMM_SELF) as e:
            q = p.theta_weight * p.rho.sum(axis=1)
            w = p.stencil.width
            potential = e.potential_energy(q, 0.0)[w:-w]
            force = e.force(q, 0.0)
        assert abs(cell * rate.sum()) < 1e-11 * size
        momentum = cell * (rate @ p.theta).sum() - (p.space.spacing * force @ q if trap else 0.0)
        assert abs(momentum) < 1e-10 * size
        energy = cell * ((rate @ p.model.energy(p.theta)).sum() + potential @ rate.sum(axis=1))
        assert abs(energy) < (1e-9 if upwind == 0.0 else 1e-5) * size


@pytest.mark.parametrize("diffusion", [False, True])
def test_thermal_state_of_the_trap_is_stationary(diffusion):
    """Self-consistent with V; what is left is the error of the mesh, of order 12 here."""
    space = {"x_max": 80.0, "points": 160, "order": 12}
    p = flow(strength=4.0, mesh=(8.0, 96), space=space, state=TRAPPED | {"number": 12.0}, diffusion=diffusion)
    rho, _ = evolved(p, 10.0)
    assert np.abs(rho - p.rho).max() < 1e-8 * p.rho.max()
    wrong = p.rho * (1.0 + 1e-3 * np.cos(0.1 * p.space.x))[:, None]  # it would show
    assert np.abs(evolved(p, 10.0, wrong)[0] - wrong).max() > 1e-5 * p.rho.max()


def test_bosons_in_a_trap_stay_thermal():
    p = flow(model=BOSONS, trap={"kind": "harmonic", "frequency": 0.2}, strength=1.0, mesh=(6.0, 64),
             state={"kind": "trapped", "number": 6.0, "beta": 0.7},
             space={"x_max": 60.0, "points": 96, "order": 10})  # fmt: skip
    rho, _ = evolved(p, 2.0)
    assert np.abs(rho - p.rho).max() < 1e-6 * p.rho.max()


@pytest.mark.parametrize("model", [RODS, BOSONS])
def test_kohn_mode(model):
    """The centre of mass swings as cos(omega t) whatever a and V."""
    p = flow(model=model, strength=3.0, state=TRAPPED | {"number": 5.0, "offset": 8.0}, mesh=(9.0, 64),
             trap={"kind": "harmonic", "frequency": 0.1 if model is RODS else 0.2},
             space={"x_max": 80.0, "points": 96})  # fmt: skip
    t = 25.0 if model is RODS else 6.0
    omega = 0.1 if model is RODS else 0.2
    _, m = evolved(p, t)
    assert m.centre == pytest.approx(8.0 * np.cos(omega * t), abs=1e-6)


def test_two_streams_grow_as_vlasov_says():
    """a = 0: 1 = V_k int theta rho'/(theta^2 + (gamma/k)^2) dtheta for a purely growing mode."""
    beta, boost, density, x_max = 2.5, 1.0, 0.2, 12.0
    p = flow(model={"kind": "free"}, trap=None, strength=20.0, mesh=(5.0, 96),
             state={"kind": "wave", "mean_density": density, "beta": beta, "boost": boost, "amplitude": 1e-7},
             space={"boundary": "periodic", "x_max": x_max, "points": 32})  # fmt: skip
    k = np.pi / x_max
    strength = float(p.potential.fourier(k))

    def slope(v):
        norm = 0.5 * density * np.sqrt(beta / np.pi)
        return norm * sum(-2.0 * beta * (v - s) * np.exp(-beta * (v - s) ** 2) for s in (boost, -boost))

    def excess(gamma):
        return strength * quad(lambda v: v * slope(v) / (v**2 + (gamma / k) ** 2), -6.0, 6.0, limit=400)[0] - 1.0

    gamma = brentq(excess, 1e-3, 1.0)
    amplitude = []
    rho = p.rho
    with FlowEquation(p, PETSc.COMM_SELF) as equation, FlowIntegrator(equation, rho, 0.0) as integrator:
        for t in (60.0, 100.0):
            integrator.advance(t)
            amplitude.append(abs(equation.density(integrator.state) @ np.exp(-1j * k * p.space.x)))
    assert amplitude[1] < 0.05 * density * p.space.points  # still linear
    assert np.log(amplitude[1] / amplitude[0]) / 40.0 == pytest.approx(gamma, rel=2e-3)


def test_uniform_gas_stays():
    for boundary in ("open", "wall", "periodic"):
        strength = 0.0 if boundary == "wall" else 3.0  # a wall cuts V off
        p = flow(trap=None, state={"kind": "thermal", "density": 0.2, "beta": 1.0}, strength=strength,
                 space={"boundary": boundary, "points": 32})  # fmt: skip
        assert np.abs(rate_of(p)).max() < 1e-12


def test_walls_reflect():
    """Free particles between walls: the cloud and its mirror images on a ring of twice the size."""
    cloud = {"kind": "clouds", "cloud": [{"number": 1.0, "centre": 20.0, "width": 5.0, "beta": 2.0, "boost": 1.5}]}
    p = flow(model={"kind": "free"}, trap=None, state=cloud, mesh=(5.0, 32),
             space={"boundary": "wall", "x_max": 50.0, "points": 200})  # fmt: skip
    rho, m = evolved(p, 20.0)

    def cloud_at(x, theta):
        return np.exp(-0.5 * ((x - 20.0) / 5.0) ** 2 - (theta - 1.5) ** 2) / (5.0 * np.sqrt(2.0) * np.pi)

    x, theta = p.space.x[:, None], p.theta[None, :]
    expected = sum(
        cloud_at(4.0 * 50.0 * n + x - theta * 20.0, theta)
        + cloud_at(4.0 * 50.0 * n + 2.0 * 50.0 - (x - theta * 20.0), -theta)
        for n in (-1, 0, 1)
    )
    assert m.number == pytest.approx(1.0, abs=1e-10)
    assert np.abs(rho - expected).max() < 1e-4 * expected.max()


def test_open_ends_let_the_cloud_out():
    cloud = {"kind": "clouds", "cloud": [{"number": 1.0, "centre": 20.0, "width": 5.0, "beta": 2.0, "boost": 2.5}]}
    p = flow(trap=None, state=cloud, mesh=(6.0, 32), space={"x_max": 50.0, "points": 100})
    with FlowEquation(p, PETSc.COMM_SELF) as equation, FlowIntegrator(equation, p.rho, 0.0) as integrator:
        integrator.advance(100.0)
        assert equation.measure(integrator.state, 100.0).number < 2e-3  # those slower than 0.3 are on their way


def test_dressed_velocity_is_that_of_the_model():
    for model in (LiebLiniger(1.0), HardRods(0.5)):
        theta = (np.arange(40) + 0.5) * 0.3 - 6.0
        rho = np.stack([c * np.exp(-0.5 * (theta - c) ** 2) for c in (0.2, 0.05, 0.0)])
        v = DressedVelocity(model, theta, 0.3)(rho)
        for i in range(3):
            assert np.abs(v[i] - model.background(theta, 0.3, rho[i]).velocity).max() < 1e-9
        bare = (rho @ model.energy_derivative(theta)) - (rho * v).sum(axis=1)
        assert np.abs(bare).max() < 1e-10


def test_mean_field_is_the_integral():
    potential = Potential(Gaussian(), 2.0, 3.0)
    for boundary in Edge:
        space = SpaceMesh(30.0, 60, boundary)
        q = np.exp(-0.5 * (space.x / 4.0) ** 2)
        field = MeanField(potential, space, 3)(q)
        direct = space.spacing * potential(space.nodes(3)[:, None] - space.x) @ q
        assert np.abs(field - direct)[10:-10].max() < 1e-10


def test_stable_steps_are_those_of_the_methods():
    """Classical fourth order: |lambda h| < 2.828 on the imaginary axis, 2.785 on the negative real one."""
    options = ScopedOptions("flow_", FlowEquation.presets)
    transport, diffusion = stable_steps(options, FlowStencil(8, 0.0))
    largest = np.abs(FlowStencil(8, 0.0).symbol(np.linspace(0.0, np.pi, 25)).imag).max()
    assert transport == pytest.approx(np.sqrt(8.0) / largest, rel=1e-3)
    assert diffusion == pytest.approx(2.7853 / largest**2, rel=1e-3)


def test_refuses_unstable_and_implicit_steps():
    p = flow(space={"points": 48}, mesh=(7.0, 32))
    with FlowEquation(p, PETSc.COMM_SELF) as equation:
        for options, reason in (
            ({"flow_ts_dt": 5.0}, "unstable"),
            ({"flow_ts_type": "cn"}, "implicit"),
            ({"flow_ts_type": "euler"}, "unstable for transport at any step"),
        ):
            with pytest.raises(InputError, match=reason):
                FlowIntegrator(equation, p.rho, 0.0, options)


def test_other_explicit_methods_agree():
    p = flow(strength=2.0, state=TRAPPED | {"offset": 5.0}, space={"points": 64}, mesh=(7.0, 32))
    reference, _ = evolved(p, 5.0)
    for options in (
        {"flow_ts_type": "ssp", "flow_ts_ssp_type": "rk104"},
        {"flow_ts_rk_type": "5dp", "flow_ts_adapt_type": "basic", "flow_ts_atol": 1e-9, "flow_ts_rtol": 0.0},
    ):
        assert np.abs(evolved(p, 5.0, options=options)[0] - reference).max() < 1e-6 * reference.max()


def test_lifts_its_trap():
    """A released cloud expands as the closed form says, though it was made in a trap."""
    p = flow(model={"kind": "free"}, trap=HARMONIC | {"quench": {"time": 2.0, "scale": 0.0}}, end=20.0,
             space={"points": 128, "x_max": 100.0})  # fmt: skip
    _, m = evolved(p, 12.0)
    width = np.sqrt(1.0 / 0.01 + 10.0**2)
    assert p.external.jumps() == (2.0,)
    assert m.width == pytest.approx(width, rel=2e-3)


def test_shaking_moves_the_centre():
    """Driven oscillator: X'' = -omega^2 (X - A sin(w t))."""
    A, w, omega, t = 2.0, 0.3, 0.1, 20.0
    p = flow(trap=HARMONIC | {"shake": {"amplitude": A, "frequency": w}}, strength=2.0, mesh=(8.0, 48))
    _, m = evolved(p, t)
    driven = A * omega**2 / (omega**2 - w**2)
    assert m.centre == pytest.approx(driven * (np.sin(w * t) - w / omega * np.sin(omega * t)), abs=1e-6)


@pytest.mark.parallel
def test_ranks_share_the_rows():
    for space in ({}, {"boundary": "wall"}, {"boundary": "periodic"}):
        p = flow(strength=3.0, diffusion=True, state=TRAPPED | {"offset": 5.0, "boost": 1.0}, space=space)
        alone = rate_of(p)
        with FlowEquation(p) as equation:
            x, f = equation.create_vector(p.rho), equation.create_vector()
            equation.rhs(None, 0.0, x, f)
            assert np.abs(equation.own(f, readonly=True) - alone[equation.rows]).max() < 1e-13
            whole = equation.gather(f)
            if MPI.COMM_WORLD.rank == 0:
                assert np.abs(whole - alone).max() < 1e-13


@pytest.mark.parametrize(
    "keywords, reason",
    [
        ({"space": {"x_max": 20.0}}, "wider than the box"),
        ({"trap": {"kind": "lattice", "depth": 1.0, "period": 20.0}}, "no bound state"),
        ({"mesh": (2.0, 32)}, "ends of this window"),
        ({"mesh": (40.0, 16)}, "mesh.theta_points"),
        ({"space": {"x_max": 800.0, "points": 32}}, "space.points"),
        ({"state": TRAPPED | {"number": 1e4}}, "does not fit"),
        (
            {"state": {"kind": "clouds", "cloud": [{"number": 4.0, "centre": 70.0, "width": 5.0, "beta": 1.0}]}},
            "wider than the box",
        ),
    ],
)
def test_refuses_what_does_not_fit(keywords, reason):
    with pytest.raises((InputError, SolverError), match=reason):
        flow(**keywords)


@pytest.mark.parallel
def test_a_failure_on_one_rank_ends_all(monkeypatch):
    """Velocity and collisions of the last rank alone fail; every rank raises, and none waits."""
    world = MPI.COMM_WORLD

    def fails(*_):
        raise SolverError("no velocity")

    p = flow(BOSONS, mesh=(7.0, 24), space={"points": 64}, collisions="coherent", collision_points=16)
    with FlowEquation(p) as equation, FlowIntegrator(equation, p.rho, 0.0) as integrator:
        step = CollisionStep(local_collisions(p), equation, integrator.state)
        if world.rank == world.size - 1:
            monkeypatch.setattr(step._operator, "change", fails)
        with pytest.raises(SolverError, match="no velocity"):
            step(1.0)
        if world.rank == world.size - 1:
            monkeypatch.setattr(DressedVelocity, "__call__", fails)
        with pytest.raises(SolverError, match=f"rank {world.size - 1}: no velocity" if world.size > 1 else "velocity"):
            integrator.advance(1.0)


@pytest.mark.parallel
def test_places_are_dealt_out_to_all_ranks(monkeypatch):
    """The change is that of one rank to the last bit, and no rank collides more than one place beyond its share."""
    world = MPI.COMM_WORLD
    p = flow(mesh=(7.0, 32), space={"points": 96, "x_max": 160.0}, strength=3.0, state=TRAPPED | {"boost": 1.5},
             collisions="coherent", collision_points=24)  # fmt: skip
    found, counted = [], []
    for comm in (PETSc.COMM_SELF, PETSc.COMM_WORLD):
        with FlowEquation(p, comm) as equation, FlowIntegrator(equation, p.rho, 0.0) as integrator:
            step, calls = CollisionStep(local_collisions(p), equation, integrator.state), []
            change = step._operator.change
            monkeypatch.setattr(step._operator, "change", lambda *a, c=change, n=calls: (n.append(1), c(*a))[1])
            step(20.0)
            found.append(equation.own(integrator.state, readonly=True).copy())
            counted.append(len(calls))
            rows = equation.rows
    assert np.array_equal(found[1], found[0][rows]) and np.abs(found[0] - p.rho).max() > 1e-6 * p.rho.max()
    assert 10 < counted[0] < 60 and sum(world.allgather(counted[1])) == counted[0]
    assert -(-counted[0] // world.size) - 1 <= counted[1] <= -(-counted[0] // world.size)
