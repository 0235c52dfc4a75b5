"""The open door: further unknowns and a source of layer 1, registered in a few lines each, run like the rest.

Unknowns beyond rho and g, and what is known of them exactly, whatever rho and g do:

    history   d h/dt = (g - g~) (x) w - gamma h    on (z, theta <= theta', theta'')
    wave      d p/dt = - u dp/dz - gamma p         on (z, 1, 3)
    dose      d q/dt = rho                         whole, (2, N/2)
    relaxing  d rho/dt = - gamma (rho - rho_end)

Since layer 1 is linear in g - g~ and does not depend on rho, d rho/dt = F (g - g~), the deviation rho - rho_end - F h
decays as exp(-gamma t).
"""

from pathlib import Path

import h5py
import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.commands.integrate import Job
from gbbgky_petsc.commands.resumption import Resume
from gbbgky_petsc.equations.hierarchy import ORDERS, Hierarchy
from gbbgky_petsc.fields import ONE_BODY, PAIR, Slab, State, Whole
from gbbgky_petsc.solvers.frozen import BLOCK_INVERSES, BlockInverse
from gbbgky_petsc.solvers.integrator import Integrator
from gbbgky_petsc.solvers.options import restored
from gbbgky_petsc.terms import TERMS, OneBodyTerm, Term, register

GAMMA, SPEED = 0.02, 0.7
WORLD = MPI.COMM_WORLD


class History(Term):
    name, reads, writes = "history", (PAIR,), ("history",)

    @classmethod
    def blocks(cls, mesh):
        n = mesh.theta_points
        return (Slab("history", n * (n + 1) // 2, n),)

    def add(self, point, x, out):
        a, b = np.triu_indices(self.mesh.theta_points)
        g, w = x[PAIR], profile(self.mesh)
        out["history"][...] += (g[:, a, b] - g[:, b, a])[..., None] * w - GAMMA * x["history"]

    def add_tangent(self, point, x, change, out):
        self.add(point, change, out)


class DecayInverse(BlockInverse):
    def decompose(self, point):
        pass

    def set_shift(self, shift):
        self._rate = shift + GAMMA

    def solve(self, source):
        return source / self._rate


class Wave(Term):
    name, reads, writes = "wave", ("wave",), ("wave",)

    @classmethod
    def blocks(cls, mesh):
        return (Slab("wave", 1, 3),)

    def initial_blocks(self, point):
        return {"wave": wave(self.mesh, 0.0)[self.fields.slab("wave").planes]}

    def add(self, point, x, out):
        stencil, slope = self.mesh.stencil, np.empty_like(out["wave"])
        stencil.apply_planes(stencil.first, self.fields.slab("wave").with_halo(x["wave"]), slice(0, len(slope)), slope)
        out["wave"][...] -= SPEED * slope + GAMMA * x["wave"]

    def add_tangent(self, point, x, change, out):
        self.add(point, change, out)


class Dose(Term):
    name, reads, writes = "dose", (ONE_BODY,), ("dose",)

    @classmethod
    def blocks(cls, mesh):
        return (Whole("dose", (2, mesh.theta_points // 2)),)

    def add(self, point, x, out):
        out["dose"][...] += x.rho.reshape(2, -1)

    def add_tangent(self, point, x, change, out):
        self.add(point, change, out)


class Relaxing(OneBodyTerm):
    name, reads, conserves = "relaxing", (ONE_BODY,), False

    def rho_rate(self, point, x):
        return -GAMMA * (point.rho - final(self.mesh))

    def one_body_tangent(self, point):
        return -GAMMA * np.eye(self.mesh.theta_points)

    def add_tangent(self, point, x, change, out):
        out[ONE_BODY][:-1] -= GAMMA * change.rho


def profile(mesh):
    """w, (N,), of sum 1."""
    w = np.exp(-0.5 * mesh.theta**2) * (1.0 + 0.3 * mesh.theta)
    return w / w.sum()


def final(mesh):
    """rho_end, (N,): of density 0.2 like the initial rho, otherwise unlike it."""
    rho = np.exp(-0.5 * (mesh.theta - 0.4) ** 2)
    return 0.2 * rho / (mesh.theta_weight * rho.sum())


def wave(mesh, t):
    """p at t, (Nz, 1, 3): discrete plane waves, whose speed in the z-stencil is known."""
    k = 2.0 * np.pi * np.arange(1, 4) / (mesh.z_points * mesh.z_spacing)
    phase = k * mesh.z[:, None] - SPEED * mesh.stencil.first_symbol(k * mesh.z_spacing) * t
    return (np.exp(-GAMMA * t) * np.cos(phase))[:, None, :]


@pytest.fixture
def extended(monkeypatch):
    """The toy equations as an order of truncation."""
    monkeypatch.setitem(ORDERS, "toys", (*ORDERS["full"], "history", "wave", "dose", "relaxing"))
    monkeypatch.setitem(BLOCK_INVERSES, "history", DecayInverse)
    for kind in (History, Wave, Dose, Relaxing):
        monkeypatch.delitem(TERMS, kind.name, raising=False)
        register(kind)
    yield
    for kind in (History, Wave, Dose, Relaxing):
        TERMS.pop(kind.name)


@pytest.fixture(scope="module")
def built():
    tree = {
        "model": {"kind": "hard_rods", "length": 1.0},
        "potential": {"kind": "gaussian", "strength": 4.0, "range": 8.0},
        "state": {"kind": "boosted_thermal", "density": 0.2, "beta": 1.5, "boost": 1.0},
        "mesh": {"theta_max": 4.0, "theta_points": 16, "z_max": 48.0, "z_spacing": 6.0},
        "hierarchy": {"boundary": "periodic"},
        "time": {"end": 16.0},
        "output": {"checkpoint_seconds": 1e9, "snapshots_at": [8.0]},
    }
    return problem.build(case_file.parse(tree), Path())


def hierarchy(built, comm=PETSc.COMM_WORLD):
    return Hierarchy(built.mesh, built.model, built.potential, "toys", comm=comm)


def whole_state(h, x):
    """Every block whole, on every rank."""
    fields, array = h.fields, x.array_r
    slabs = {name: fields.slab(name).gather_planes(fields.part(array, name)) for name in fields.slabs}
    return slabs | {name: fields.gather(array, name) for name in fields.wholes}


def integrate(built, end, comm=PETSc.COMM_WORLD, **options):
    """All blocks at the end of a run with the default integrator, and its Krylov iterations."""
    h = hierarchy(built, comm)
    with Integrator(h, h.initial_vector(built.rho), options=options) as integrator:
        integrator.run(end, [], lambda progress: None)
        values = whole_state(h, integrator.state)
        iterations = integrator.krylov_iterations
    h.destroy()
    return values, iterations


def errors(built, values, t):
    """Largest relative deviation from what is exact at t, by name."""
    mesh, rho = built.mesh, values[ONE_BODY][:-1]
    h = hierarchy(built, PETSc.COMM_SELF)
    n = mesh.theta_points
    a, b = np.triu_indices(n)
    flux = np.zeros((mesh.z_points, n, n))  # the g whose g - g~ is what h has summed up
    flux[:, a, b] = values["history"].sum(axis=2) / 2.0
    flux[:, b, a] = -flux[:, a, b]
    force = h.terms["correlation_force"].rho_rate(None, State(h.fields, None, {PAIR: flux}))
    h.destroy()
    start, moved = built.rho - final(mesh), rho - final(mesh) - force
    assert np.abs(force).max() > 0.01 * rho.max()  # there is something to be seen
    p = wave(mesh, t)
    return {
        "rho": np.abs(moved - np.exp(-GAMMA * t) * start).max() / start.max(),
        "wave": np.abs(values["wave"] - p).max() / np.abs(p).max(),
        "dose": abs(mesh.theta_weight * values["dose"].sum() / (0.2 * t) - 1.0),
    }


TIGHT = {"ksp_rtol": 1e-11, "ksp_atol": 1e-14}


@pytest.mark.parallel
def test_new_unknowns_and_a_source_follow_their_exact_solutions(extended, built):
    """Second order in the step, on any number of ranks; number is kept at any step."""
    found = []
    for step in (2.0, 1.0):
        values, _ = integrate(built, 16.0, ts_adapt_type="none", ts_dt=step, **TIGHT)
        found.append(errors(built, values, 16.0))
    slopes = {name: np.log2(found[0][name] / found[1][name]) for name in ("rho", "wave")}
    assert min(slopes.values()) > 1.8, (slopes, found)
    assert found[1]["rho"] < 1e-4 and found[1]["dose"] < 1e-9, found
    alone, _ = integrate(built, 16.0, PETSc.COMM_SELF, ts_adapt_type="none", ts_dt=1.0, **TIGHT)
    for name, value in alone.items():
        np.testing.assert_allclose(values[name], value, atol=1e-9 * np.abs(value).max(), err_msg=name)


def test_with_default_options(extended, built):
    values, _ = integrate(built, 16.0)
    found = errors(built, values, 16.0)
    assert found["rho"] < 1e-4 and found["wave"] < 2e-3 and found["dose"] < 1e-5, found


def test_a_registered_inverse_is_used(extended, built, monkeypatch):
    """Steps so long that the decay of h matters in one of them."""
    options = {"ts_adapt_type": "none", "ts_dt": 4.0, "ksp_rtol": 1e-8}
    _, with_it = integrate(built, 16.0, **options)
    monkeypatch.setattr(DecayInverse, "solve", lambda self, source: source / (self._rate - GAMMA) * 3.0)
    _, with_another = integrate(built, 16.0, **options)
    assert with_it < with_another


@pytest.mark.parallel
@pytest.mark.parametrize("integrator", ["rosw", "two_step"])
def test_checkpoint_and_resume_know_the_new_blocks(extended, built, tmp_path, integrator):
    """And the past of a multistep method, so that it goes on to the last bit as well."""
    folder = Path(WORLD.bcast(str(tmp_path)))
    case = built.case.model_copy(update={"petsc": {"ts_type": integrator}})
    built = problem.build(case, Path())
    half = case.model_copy(update={"time": case.time.model_copy(update={"end": 8.0})})
    run(built, folder / "straight.h5")
    run(problem.build(half, Path()), folder / "resumed.h5")
    run(built, folder / "resumed.h5", Resume.MUST)
    WORLD.barrier()
    numbers = []
    for name in ("straight.h5", "resumed.h5"):
        with h5py.File(folder / name) as file:
            assert file.attrs["complete"]
            number = file["checkpoint"].attrs["number"]
            small = [file[f"checkpoint/{block}"][()] for block in (ONE_BODY, "dose")]
        files = {p.name.removeprefix(f"{name}.checkpoint.{number}"): p for p in folder.glob(f"{name}.checkpoint.*")}
        past = {f".past{i}_{block}" for i in (1, 2) for block in (PAIR, "history", "wave")}
        assert set(files) == {"", ".history", ".wave"} | (past if integrator == "two_step" else set())
        numbers.append([*small, *(np.fromfile(files[ending]) for ending in sorted(files))])
    for one, two in zip(*numbers, strict=True):
        assert np.abs(one).max() > 0.0
        np.testing.assert_array_equal(one, two)


def run(built, target, mode=Resume.NO):
    h = hierarchy(built)
    with restored():
        Job(built, target, mode=mode).run(h, h.fields, h.initial_vector(built.rho))
