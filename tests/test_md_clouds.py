"""Rods in a trap: the force on rods, initial clouds, exact solutions, profiles. Runs alone and under mpirun."""

import dataclasses
import tomllib

import numpy as np
import pytest
from md_rings import copies, of
from mpi4py import MPI

from gbbgky_petsc.case import MolecularDynamics, parse
from gbbgky_petsc.commands.md import job, simulate
from gbbgky_petsc.discrete.space import Edge, SpaceMesh
from gbbgky_petsc.errors import InputError, SolverError
from gbbgky_petsc.md.clouds import CloudPlan
from gbbgky_petsc.md.domains import Domain
from gbbgky_petsc.md.ensemble import Batch, Ensemble
from gbbgky_petsc.md.forces import FourierForce, TrapField, choose_force
from gbbgky_petsc.md.initial import Equilibration, VelocitySampler, sample
from gbbgky_petsc.md.ring import Ring
from gbbgky_petsc.md.rods import Rods
from gbbgky_petsc.md.statistics import summarise_cloud
from gbbgky_petsc.md.stepper import advance, advance_reference, compiled, interpreted
from gbbgky_petsc.physics.inhomogeneous import Cloud, Clouds, DomainWall, Reservoir, Trapped, Wave
from gbbgky_petsc.physics.models import FreeParticles, HardRods
from gbbgky_petsc.physics.potential import Gaussian, Potential
from gbbgky_petsc.physics.states import BoostedThermal
from gbbgky_petsc.physics.trap import Box, Harmonic, Lattice, NoTrap, Quartic, Quench, Shake, TabulatedTrap, Trap
from gbbgky_petsc.store.reader import read

WORLD = MPI.COMM_WORLD
OMEGA = 0.3
HARMONIC = Trap(Harmonic(OMEGA**2))
QUARTIC = Trap(Quartic(2e-3, 0.01))
TABLE = (np.linspace(-100.0, 100.0, 41), 1e-3 * np.linspace(-100.0, 100.0, 41) ** 2)
STRONG = FourierForce.build(Potential(Gaussian(), 6.0, 3.0), 200.0, 1e-9)


def clouds(trap, force=STRONG, particles=8, count=6, rod=1.0, seed=3):
    """Small dense clouds about the centre of the trap, with velocities of order one."""
    random, domain = np.random.default_rng(seed), Domain(Ring(200.0, particles, rod))
    y = np.sort(random.normal(0.0, 4.0, (count, particles)), axis=1) - 0.5 * rod * particles
    v = random.normal(0.0, 1.0, (count, particles))
    return [Rods(domain, force, *pair, TrapField(trap, 99.0)) for pair in zip(y, v, strict=True)]


# --- steps ---


@pytest.mark.parametrize("rod", [0.0, 1.0])
@pytest.mark.parametrize("force", [FourierForce.none(200.0), STRONG], ids=["V = 0", "V"])
def test_kohn_mode(force, rod):
    """The centre of mass is a harmonic oscillator whatever the rods do to each other: that of the discrete steps."""
    step, rings = 0.1, clouds(HARMONIC, force, rod=rod)
    frequency = 2.0 / step * np.arcsin(0.5 * OMEGA * step)  # of kick - drift - kick
    centre, speed = of(rings, "positions").mean(axis=1), of(rings, "v").mean(axis=1)
    for rods in rings:
        advance(rods, 40.0, step)
    scale = 1.0 / (OMEGA * np.sqrt(1.0 - (0.5 * OMEGA * step) ** 2))
    expected = centre * np.cos(40.0 * frequency) + speed * scale * np.sin(40.0 * frequency)
    np.testing.assert_allclose(of(rings, "positions").mean(axis=1), expected, atol=1e-11)


@pytest.mark.parametrize("trap", [HARMONIC, QUARTIC], ids=["harmonic", "quartic"])
def test_second_order_in_a_trap(trap):
    """Distance from the reference and energy error fall with the square of the step; plain splitting's do not."""
    start, steps = clouds(trap), np.array([0.04, 0.02, 0.01, 0.005])
    exact = copies(start)
    for rods in exact:
        advance_reference(rods, 4.0, max_step=0.02)
    orders = {}
    for integrator in ("splitting", "plain"):
        distance, energy = [], []
        for step in steps:
            end = copies(start)
            for rods in end:
                advance(rods, 4.0, step, integrator)
            apart = [np.mean((of(end, name) - of(exact, name)) ** 2) for name in ("y", "v")]
            distance.append(np.sqrt(sum(apart)))
            energy.append(np.sqrt(np.mean((of(end, "energy") - of(start, "energy")) ** 2)))
        orders[integrator] = [np.polyfit(np.log(steps), np.log(found), 1)[0] for found in (distance, energy)]
    assert all(1.7 < order < 2.4 for order in orders["splitting"])
    assert orders["plain"][0] < 1.4


@pytest.mark.parametrize(
    "shape",
    [Harmonic(0.09), Quartic(2e-3, 0.01), Box(20.0, 15.0, 2.0), Lattice(3.0, 7.0), TabulatedTrap(*TABLE)],
    ids=lambda shape: type(shape).__name__,
)
def test_compiled_steps_know_the_trap(shape):
    """Quench and shaking included; the table of U' is as good as rounding for polynomials."""
    trap = Trap(shape, Quench(0.3, 2.0, 0.8), Shake(1.5, 0.7))
    (one,) = clouds(trap, count=1)
    one.field = TrapField(trap, 90.0)
    (other,) = copies([one])
    assert compiled(one, 0.05, 60, True, 1)
    interpreted(other, 0.05, 60, True, 1)
    bound = 1e-10 if isinstance(shape, Harmonic | Quartic) else 1e-6
    np.testing.assert_allclose(one.y, other.y, atol=bound)
    np.testing.assert_allclose(one.v, other.v, atol=bound)


def test_reversal_in_a_trap():
    start = clouds(QUARTIC)
    end = copies(start)
    for rods in end:
        advance(rods, 10.0, 0.05)
        rods.v *= -1.0
        advance(rods, 10.0, 0.05)
    np.testing.assert_allclose(of(end, "y"), of(start, "y"), atol=1e-6)


def exact_harmonic(x, v, rod, duration):
    """Rods in the trap alone, from collision to collision: neighbours' distance is a harmonic oscillation too."""
    x, v, left = x.copy(), v.copy(), duration
    while True:
        r, w = np.diff(x) - rod, np.diff(v)
        # rod + r = A cos(omega t - phase) comes back to rod
        amplitude, phase = np.hypot(r + rod, w / OMEGA), np.arctan2(w / OMEGA, r + rod)
        reach = np.arccos(np.clip(rod / amplitude, -1.0, 1.0))
        when = np.mod(phase + reach, 2.0 * np.pi) / OMEGA
        first = int(np.argmin(when))
        t = min(float(when[first]), left)
        c, s = np.cos(OMEGA * t), np.sin(OMEGA * t)
        x, v = x * c + v * s / OMEGA, v * c - OMEGA * x * s
        left -= t
        if left <= 0.0:
            return x, v
        v[first], v[first + 1] = v[first + 1], v[first]


def test_rods_in_a_harmonic_trap_against_exact_dynamics():
    rings = clouds(HARMONIC, FourierForce.none(200.0), particles=6)
    exact = [exact_harmonic(rods.positions, rods.v, 1.0, 30.0) for rods in rings]
    errors = []
    for step in (0.02, 0.01):
        moved = copies(rings)
        for rods in moved:
            advance(rods, 30.0, step)
        errors.append(np.abs(of(moved, "positions") - [x for x, _ in exact]).max())
    assert errors[1] < 1e-3 and errors[1] < 0.35 * errors[0]


def test_steps_end_where_the_field_jumps():
    """A trap switched off between two steps: from then on free flight, to second order and no less."""
    released = Trap(Harmonic(OMEGA**2), Quench(time=1.234, scale=0.0))
    errors = []
    for step in (0.1, 0.05):
        rings = clouds(released, FourierForce.none(200.0), rod=0.0)
        x, v = of(rings, "positions"), of(rings, "v")
        c, s = np.cos(OMEGA * 1.234), np.sin(OMEGA * 1.234)
        x, v = x * c + v * s / OMEGA, v * c - OMEGA * x * s
        for rods in rings:
            advance(rods, 3.0, step)
        errors.append(np.abs(of(rings, "positions") - np.sort(x + v * (3.0 - 1.234), axis=1)).max())
    assert errors[0] < 1e-3 and errors[1] < 0.3 * errors[0]


def test_shaking_drives_the_centre_alone():
    """x'' = -omega^2 (x - X(t)) for the centre of mass; distances do not feel the shaking."""
    shaken = Trap(Harmonic(OMEGA**2), shake=Shake(2.0, 0.7))
    still, moved = clouds(HARMONIC), clouds(shaken)
    for rods in (*still, *moved):
        advance(rods, 20.0, 0.02)
    shift = of(moved, "positions") - of(still, "positions")
    driven = OMEGA**2 * 2.0 / (OMEGA**2 - 0.7**2) * (np.sin(0.7 * 20.0) - 0.7 / OMEGA * np.sin(OMEGA * 20.0))
    np.testing.assert_allclose(shift, driven, atol=2e-3)


def test_a_rod_at_the_end_of_the_ring_stops_the_run():
    for move in (lambda rods: advance(rods, 2000.0, 1.0), lambda rods: interpreted(rods, 1.0, 2000, True, 1)):
        (rods,) = clouds(Trap(NoTrap()), FourierForce.none(200.0), count=1)
        rods.field = TrapField(Trap(NoTrap()), 90.0)
        with pytest.raises(SolverError, match=r"md\.ring: at t = .* a rod is beyond x = 90"):
            move(rods)


@pytest.mark.parallel
@pytest.mark.parametrize("circumference", [2000.0, 4000.0])
def test_a_cloud_over_the_ranks(circumference):
    """The same cloud on one rank and on all, with modes and with the mesh."""
    ring, potential = Ring(circumference, 200, 1.0), Potential(Gaussian(), 4.0, 5.0)
    force = choose_force(potential, circumference, 1e-5, most_modes=500 if circumference < 3000 else 4)
    random = np.random.default_rng(1)
    y, v = np.sort(random.uniform(-400.0, 300.0, 200)), random.normal(0.0, 1.0, 200)
    whole, part = Domain(ring), Domain(ring, WORLD)
    own, field = slice(part.first, part.last), TrapField(Trap(Harmonic(1e-4)), 900.0)
    alone = Rods(whole, force, y.copy(), v.copy(), field)
    rods = Rods(part, force, y[own].copy(), v[own].copy(), field)
    for each in (alone, rods):
        advance(each, 10.0, 0.1)
    holds = np.abs(rods.positions - alone.positions[own]).max() < 1e-9
    holds = holds and abs(rods.energy() - alone.energy()) < 1e-10
    assert WORLD.allreduce(bool(holds), op=MPI.LAND)


# --- clouds ---

SPACE = SpaceMesh(60.0, 60)
THETA = (np.arange(48) + 0.5) * 0.25 - 6.0
BASE = CloudPlan(
    settings=MolecularDynamics(ring=200.0, realisations=300, seed=5),
    ring=Ring(200.0, 12, 1.0),
    model=HardRods(1.0),
    potential=None,
    times=(0.0,),
    state=Trapped(12.0, 1.0),
    trap=Trap(Harmonic(0.15**2)),
    space=SPACE,
    theta=THETA,
)


def changed(**changes) -> CloudPlan:
    """`BASE` with other fields, or other settings of the table [md]."""
    fields = {f.name for f in dataclasses.fields(CloudPlan)} - {"step"}
    settings = {name: changes.pop(name) for name in list(changes) if name not in fields}
    return dataclasses.replace(BASE, settings=BASE.settings.model_copy(update=settings), **changes)


def run(plan):
    return summarise_cloud(plan, Batch.join(Ensemble(plan, MPI.COMM_SELF).batches(100)))


def within(found, name, expected, bars=4.0):
    columns = found.series if name in found.series else found.snapshots
    return np.all(np.abs(columns[name] - expected) <= bars * columns[f"{name}_stderr"])


def test_drawn_rods_follow_the_state():
    """Density and moments of a state with structure in x and theta; what finite N does to them is of order 1/N."""
    state = Clouds((Cloud(200.0, -200.0, 80.0, 2.0, 1.0), Cloud(100.0, 250.0, 40.0, 1.0, -0.5)))
    space = SpaceMesh(600.0, 60)
    plan = changed(state=state, ring=Ring(2000.0, 300, 1.0), space=space, realisations=400)
    found = run(plan)
    q = plan.rho.sum(axis=1) * 0.25
    density, bars = found.snapshots["density"][0], found.snapshots["density_stderr"][0]
    assert np.all(np.abs(density - q)[q > 0.01] < 4.0 * bars[q > 0.01] + 0.01 * q[q > 0.01])
    assert within(found, "momentum", 200.0 * 1.0 - 100.0 * 0.5)
    assert within(found, "centre", (-200.0 * 200.0 + 250.0 * 100.0) / 300.0)
    variance = (200 * (80.0**2 + 200.0**2) + 100 * (40.0**2 + 250.0**2)) / 300 - 50.0**2
    assert found.series["width"][0] == pytest.approx(np.sqrt(variance), rel=2e-3)
    assert found.series["rapidity_width"][0] ** 2 == pytest.approx((200 * 0.5 + 100 * 1.0) / 300 + 0.5, rel=5e-3)
    np.testing.assert_allclose(found.snapshots["temperature"][0][17:23], 0.5, atol=0.02)
    assert found.snapshots["rho"].shape == (1, 60, 48)
    np.testing.assert_allclose(found.snapshots["rho"].sum(axis=2) * 0.25, found.snapshots["density"])


def test_a_pulse_splits_the_cloud_in_halves():
    plan = changed(state=Trapped(12.0, 1.0, boost=2.0, kick=0.5, offset=-3.0), realisations=100)
    rods, still = (Ensemble(p, MPI.COMM_SELF).rods(Domain(p.ring), 7) for p in (plan, changed()))
    pushes = rods.v - still.v
    np.testing.assert_allclose(np.sort(pushes), [-1.5] * 6 + [2.5] * 6)
    np.testing.assert_allclose(rods.positions, still.positions - 3.0)


def test_two_rods_in_equilibrium():
    """Exact: the distance r > a of two rods has the weight exp(-beta omega^2 r^2/4), the centre is Gaussian."""
    omega, beta, a = 0.5, 1.0, 1.0
    plan = changed(
        ring=Ring(200.0, 2, a), state=Trapped(2.0, beta), trap=Trap(Harmonic(omega**2)), realisations=1500,
        equilibrate=True, equilibration=Equilibration(6, 3.0, 0.1),
    )  # fmt: skip
    ensemble, domain = Ensemble(plan, MPI.COMM_SELF), Domain(plan.ring)
    x = np.array([ensemble.rods(domain, r).positions for r in range(1500)])
    r = np.linspace(a, 20.0, 20001)
    weight = np.exp(-beta * omega**2 * r**2 / 4.0)
    square = (x[:, 1] - x[:, 0]) ** 2
    exact = float((weight * r**2).sum() / weight.sum())
    assert abs(square.mean() - exact) < 2.8 * square.std() / np.sqrt(1500)
    centre = x.mean(axis=1)
    assert abs(centre.var() - 0.5 / (beta * omega**2)) < 2.8 * centre.var() * np.sqrt(2.0 / 1500)


@pytest.mark.parametrize("strength", [0.0, 3.0])
def test_thermal_cloud_stays(strength):
    """exp(-beta H) in a quartic trap, with and without V: nothing moves, the temperature is the same everywhere."""
    plan = changed(
        trap=QUARTIC, potential=Potential(Gaussian(), strength, 3.0), times=(0.0, 15.0, 30.0), realisations=300,
        equilibrate=True, equilibration=Equilibration(8, 5.0, 0.2), ring=Ring(200.0, 12, 1.0),
    )  # fmt: skip
    found = run(plan)
    series, batch_error = found.series, found.series["energy_error"]
    assert np.abs(batch_error).max() < 1e-3 * series["total_energy"][0]
    for name in ("kinetic_energy", "trap_energy", "interaction_energy", "width"):
        bars = np.hypot(series[f"{name}_stderr"], series[f"{name}_stderr"][0])
        assert np.all(np.abs(series[name] - series[name][0]) <= 4.0 * bars), name
    assert within(found, "kinetic_energy", 6.0)
    temperature, bars = found.snapshots["temperature"], found.snapshots["temperature_stderr"]
    seen = found.snapshots["density"] * 2.0 * 300 > 100  # rods enough for an error bar
    assert seen.sum() > 15 and np.all(np.abs(temperature - 1.0)[seen] < 4.5 * bars[seen])


def test_free_particles_breathe_in_a_quenched_trap():
    """a = 0: after U is multiplied by s the variance of x is T/omega^2 [cos^2 + sin^2/s] at the new frequency."""
    scale = 4.0
    trap = Trap(Harmonic(0.15**2), Quench(0.0, scale))
    times = (0.0, 3.0, 6.0)
    plan = changed(
        model=FreeParticles(), ring=Ring(200.0, 12, 0.0), trap=trap, times=times, realisations=400, step=0.05
    )
    found = run(plan)
    phase = 0.15 * np.sqrt(scale) * np.array(times)
    expected = np.sqrt((np.cos(phase) ** 2 + np.sin(phase) ** 2 / scale) / 0.15**2)
    assert within(found, "width", expected)
    assert within(found, "rapidity_width", np.sqrt(np.cos(phase) ** 2 + scale * np.sin(phase) ** 2))


def test_rods_of_a_domain_wall_and_of_a_wave():
    wall = DomainWall(Reservoir(0.3, 1.0, 0.0), Reservoir(0.1, 1.0, 0.0), 2.0)
    found = run(changed(state=wall, trap=Trap(NoTrap()), ring=Ring(200.0, 24, 1.0), realisations=600))
    density = found.snapshots["density"][0]
    np.testing.assert_allclose([density[5:25].mean(), density[35:55].mean()], [0.3, 0.1], atol=0.005)
    ring, wave = SpaceMesh(60.0, 60, Edge.PERIODIC), Wave(0.2, 2.5, 1.0, 0.3, 1)
    found = run(changed(state=wave, trap=Trap(NoTrap()), space=ring, ring=Ring(120.0, 24, 1.0), realisations=600))
    expected = 0.2 * (1.0 + 0.3 * np.cos(np.pi * ring.x / 60.0))
    density, bars = found.snapshots["density"][0], found.snapshots["density_stderr"][0]
    assert np.all(np.abs(density - expected) < 4.0 * bars)


def test_fluctuations_of_drawn_rods():
    """A uniform ring: gaps are the spacings of N points on L - aN, S_k is that of points uniform there."""
    space, wave = SpaceMesh(60.0, 60, Edge.PERIODIC), Wave(0.3, 2.5, 1.0, 0.0, 1)
    plan = changed(state=wave, trap=Trap(NoTrap()), space=space, ring=Ring(120.0, 36, 1.0))
    ensemble, domain = Ensemble(plan, MPI.COMM_SELF), Domain(plan.ring)
    x = np.array([ensemble.rods(domain, r).positions for r in range(2000)])
    gaps = np.diff(x, axis=1, append=x[:, :1] + 120.0) - 1.0
    np.testing.assert_allclose(gaps.sum(axis=1), 84.0)
    assert gaps.min() >= -1e-12
    for place in (0, 17, 35):  # the first, one within, the one that closes the ring
        square = gaps[:, place] ** 2
        assert abs(square.mean() - 2.0 * 84.0**2 / (36 * 37)) < 4.0 * square.std() / np.sqrt(2000)
    structure = np.abs(np.exp(-2j * np.pi / 120.0 * x).sum(axis=1)) ** 2 / 120.0
    velocity = VelocitySampler(BoostedThermal(0.3, 2.5, 1.0), HardRods(1.0))
    alike = [sample(domain, velocity, 1, r)[0] for r in range(2000)]
    exact = np.abs(np.exp(-2j * np.pi / 120.0 * plan.ring.positions(np.array(alike))).sum(axis=1)) ** 2 / 120.0
    assert abs(structure.mean() - exact.mean()) < 4.0 * np.hypot(structure.std(), exact.std()) / np.sqrt(2000)


CASE = """
[model]
kind = "hard_rods"
length = 1.0
[potential]
kind = "gaussian"
strength = 1.0
range = 3.0
[trap]
kind = "harmonic"
frequency = 0.15
quench = { scale = 0.5, time = 2.0 }
[state]
kind = "trapped"
number = 12
beta = 1.0
boost = 1.0
[space]
x_max = 60.0
points = 60
[mesh]
theta_max = 7.0
theta_points = 32
[time]
end = 5.0
[output]
snapshots_at = [2.5]
series_every = 1.0
[md]
ring = 200.0
realisations = 6
"""


def simulated(tmp_path, name, resume=False, **settings):
    tree = tomllib.loads(CASE)
    tree["md"] |= settings
    simulate(job(parse(tree), tmp_path), tmp_path / name, resume)
    return read(tmp_path / name)


def test_result_file_and_resumption(tmp_path, capsys):
    straight = simulated(tmp_path, "straight.h5")
    simulated(tmp_path, "resumed.h5", realisations=2)
    resumed = simulated(tmp_path, "resumed.h5", resume=True)
    for group in ("series", "snapshots", "samples", "mesh"):
        one, other = getattr(straight, group), getattr(resumed, group)
        assert one.keys() == other.keys()
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name], err_msg=name)
    assert straight.snapshots["rho"].shape == straight.snapshots["rho_stderr"].shape == (2, 60, 32)
    assert straight.mesh["x"].shape == (60,)
    for name in ("density", "velocity", "temperature"):
        assert straight.snapshots[name].shape == straight.snapshots[f"{name}_stderr"].shape == (2, 60)
    np.testing.assert_allclose(2.0 * straight.snapshots["density"].sum(axis=1), 12.0)
    t, energy = straight.series["t"], straight.series["total_energy"]
    np.testing.assert_allclose(energy[t < 2.0], energy[0], rtol=2e-3)
    assert energy[-1] < 0.9 * energy[0]  # the quench took it


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"space": None}, "space: missing"),
        ({"md": None}, "md: missing"),
        ({"md": {"particles": 12, "realisations": 1}}, "md.particles = 12"),
        ({"state": {"kind": "thermal", "density": 0.2, "beta": 1.0}}, "state.kind = 'thermal'"),
        ({"model": {"kind": "lieb_liniger", "coupling": 1.0}}, "md."),
        ({"time": {"end_rescaled": 1.0}}, "time.end_rescaled = 1"),
        ({"md": {"ring": 200.0, "realisations": 1, "energy_tolerance": 1e-6}}, "md.energy_tolerance = 1e-06"),
        ({"mesh": {"theta_max": 2.0, "theta_points": 32}}, "mesh.theta_max = 2"),
        ({"space": {"x_max": 12.0, "points": 32}}, "space.x_max = 12"),
        ({"trap": None}, "trap: has no bound state"),
    ],
)
def test_bad_cases(change, word, tmp_path):
    tree = {name: table for name, table in (tomllib.loads(CASE) | change).items() if table is not None}
    with pytest.raises(InputError) as caught:
        job(parse(tree), tmp_path)
    assert word in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parallel
def test_profiles_do_not_depend_on_ranks():
    plan = changed(realisations=7, times=(0.0, 2.0), potential=Potential(Gaussian(), 3.0, 3.0))
    batches = list(Ensemble(plan, WORLD).batches(size=2))
    alone = Batch.join(Ensemble(plan, MPI.COMM_SELF).batches(size=16))
    holds = True
    if WORLD.rank == 0:
        found = Batch.join(batches).datasets()
        holds = all(np.array_equal(found[name], values) for name, values in alone.datasets().items())
    assert WORLD.allreduce(holds, op=MPI.LAND)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"ring": Ring(100.0, 12, 1.0)}, "md.ring = 100"),
        ({"ring": Ring(121.0, 12, 1.0), "potential": Potential(Gaussian(), 1.0, 3.0)}, "md.ring = 121"),
        ({"space": SpaceMesh(60.0, 60, Edge.PERIODIC)}, "md.ring = 200"),
        ({"space": SpaceMesh(100.0, 60, Edge.PERIODIC)}, "space.boundary = periodic"),
        ({"space": SpaceMesh(100.0, 60, Edge.PERIODIC), "trap": Trap(Lattice(1.0, 7.0))}, "space.boundary = periodic"),
        ({"space": SpaceMesh(60.0, 60, Edge.WALL)}, "space.boundary = wall"),
        ({"equilibrate": True, "state": Wave(0.2, 2.5, 1.0, 0.3, 1)}, "md.equilibrate = True"),
    ],
)
def test_bad_plans(changes, word):
    with pytest.raises(InputError) as caught:
        changed(**changes)
    assert word in str(caught.value) and "allowed" in str(caught.value) and "\n" not in str(caught.value)


def test_rods_that_do_not_fit():
    state = Clouds((Cloud(15.0, 0.0, 8.0, 2.0, 0.0),))
    plan = changed(state=state, ring=Ring(400.0, 30, 1.0))  # not the state's number
    with pytest.raises(InputError, match=r"state: a density of 1\.\d+; allowed: below 1/model\.length"):
        Ensemble(plan, MPI.COMM_SELF)
