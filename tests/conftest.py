"""Shared set-up: PETSc with one thread a rank, small problems, and failures that end every rank."""

import sys

from gbbgky_petsc import environment

environment.prepare()

import petsc4py

petsc4py.init(["tests"])

import numpy as np
import pytest
from mpi4py import MPI
from petsc4py import PETSc

from gbbgky_petsc.discrete.mesh import Boundary, PhaseSpaceMesh
from gbbgky_petsc.equations import hierarchy
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.fields import ONE_BODY, PAIR, Rate, State, one_body_and_pair
from gbbgky_petsc.physics.models import HardRods
from gbbgky_petsc.physics.potential import Gaussian, Potential
from gbbgky_petsc.physics.states import BoostedThermal


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    """One summary is enough: ranks above 0 report failures only, through the hook below."""
    if MPI.COMM_WORLD.rank > 0:
        config.pluginmanager.unregister(config.pluginmanager.get_plugin("terminalreporter"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure on one rank would leave the others waiting: end them all."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and MPI.COMM_WORLD.size > 1:
        print(f"rank {MPI.COMM_WORLD.rank}: {item.nodeid}\n{report.longreprtext}", file=sys.stderr, flush=True)
        MPI.COMM_WORLD.Abort(1)


class Started(Hierarchy):
    """A hierarchy with the rho that its test starts from."""

    initial_rho: np.ndarray

    def start(self):
        return self.initial_vector(self.initial_rho)

    def background(self, rho):
        return self.at(rho).background

    def rates(self, g, names=None):
        """d/dt of (rho, absorbed energy) and of g, (Nz, N, N), at the start, from some terms or all; one rank."""
        g = g[self.fields.slab().planes]
        values = self.fields.create_vector()
        rate = Rate(self.fields, values.array_w)
        terms = [t for name, t in self.terms.items() if names is None or name in names]
        self.add(terms, State(self.fields, None, {ONE_BODY: np.append(self.initial_rho, 0.0), PAIR: g}), rate)
        pair = rate[PAIR]
        return rate[ONE_BODY], self.fields.slab().unfold(pair, pair.swapaxes(1, 2))


@pytest.fixture
def small():
    """Factory of small hierarchies (20 x 20 x 24 points)."""

    def make(boundary="periodic", order="full", comm=PETSc.COMM_WORLD, **keywords):
        options = {"theta_max": 4.0, "theta_points": 20, "z_max": 48.0, "z_spacing": 4.0, "stencil_order": 6}
        options.update({k: keywords.pop(k) for k in list(keywords) if k in options})
        mesh = PhaseSpaceMesh(boundary=Boundary(boundary), **options)
        model = keywords.pop("model", HardRods(1.0))
        state = keywords.pop("state", BoostedThermal(0.2, 1.5, 1.0))
        rho = state.sample(mesh.theta, mesh.theta_weight, model)
        potential = keywords.pop("potential", Potential(Gaussian(), 4.0, 8.0))
        made = Started(mesh, model, potential, order, comm=comm, **keywords)
        made.initial_rho = rho
        return made

    return make


@pytest.fixture(params=["mirrored", "whole"])
def storage(request, monkeypatch):
    """Hierarchies hold g on half of the z-mesh, as they do without triples, or on all of it, as they do with."""
    if request.param == "whole":
        monkeypatch.setattr(hierarchy, "one_body_and_pair", lambda mesh, mirrored: one_body_and_pair(mesh))
    return request.param


def pair_correlation(h, seed=0, scale=1e-3):
    """A random g on the whole mesh, (Nz, N, N), with the exchange symmetry g_ij(z) = g_ji(-z)."""
    mesh = h.mesh
    g = scale * np.random.default_rng(seed).standard_normal((mesh.z_points, mesh.theta_points, mesh.theta_points))
    mirror = np.roll(g[::-1], 1, axis=0) if mesh.wraps else g[::-1]
    return 0.5 * (g + mirror.swapaxes(1, 2))


def whole_pair(h, array):
    """g on the whole mesh, (Nz, N, N), of a local state array; one rank."""
    g = h.fields.part(array, PAIR)
    return h.fields.slab().unfold(g, g.swapaxes(1, 2)).copy()


def state_vector(h, g, rho_change=0.0):
    """State vector with this rank's part of a whole g."""
    x, fields = h.start(), h.fields
    one_body = np.append(h.initial_rho * (1.0 + rho_change), 0.0)
    fields.store(x.array_w, {PAIR: g[fields.slab().planes], ONE_BODY: one_body})
    return x
