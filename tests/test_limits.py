"""Numbers at the edge of what a case may say."""

import os

import numpy as np
import pytest

from gbbgky_petsc import case as case_file
from gbbgky_petsc import limits, problem, shipped
from gbbgky_petsc.discrete.mesh import PhaseSpaceMesh
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.physics.potential import Exponential, Gaussian, Potential


@pytest.mark.parametrize(
    ("assignment", "key"),
    [
        ("potential.strength=1e300", r"potential\.strength = 1e\+300"),
        ("mesh.z_spacing=1e-300", "z_spacing"),
        ("output.series_every=1e-9", r"output\.series_every = 1e-09"),
        ("state.beta=1e6", "state: its rho vanishes"),
        ("mesh.theta_points=10000000", r"mesh\.theta_points = 10000000"),
        ("time.end=1e300", r"time\.end"),
        ("md.realisations=1000000000", r"md\.realisations"),
    ],
)
def test_edge_values_are_one_line(assignment, key):
    path = shipped.cases()["fig2_phi6_quick"]
    with pytest.raises(InputError, match=key) as found:
        problem.build(case_file.load(path, [assignment]), path.parent)
    assert "\n" not in str(found.value)


def test_a_number_of_too_many_digits(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(f"time = {'9' * 10**6}")
    with pytest.raises(InputError, match="not valid TOML"):
        case_file.load(path)


def test_share_of_the_force_against_closed_forms():
    """The integral of V'^2 is sqrt(pi)/2 (strength^2/range^3) for a Gaussian, 1 for an exponential."""
    z, mesh = np.arange(-40, 41) * 2.0, PhaseSpaceMesh(4.0, 8, 74.0, 2.0)
    for shape, unit in ((Gaussian(), 0.5 * np.sqrt(np.pi)), (Exponential(), 1.0)):
        potential = Potential(shape, 3.0, 5.0)
        on_mesh = 2.0 * (mesh.stencil.differentiate(potential(z), wraps=False)[3:-3] ** 2).sum()
        assert limits.force_share(mesh, potential) == pytest.approx(on_mesh / (unit * 9.0 / 125.0), rel=2e-4)
    fine = limits.force_share(PhaseSpaceMesh(4.0, 8, 80.0, 0.5), Potential(Gaussian(), 3.0, 5.0))
    assert fine == pytest.approx(1.0, abs=1e-6)


def test_a_mesh_that_misses_the_force_is_refused_and_a_doubtful_one_warned_of():
    mesh = PhaseSpaceMesh(4.0, 8, 200.0, 10.0)
    assert limits.check_mesh(mesh, Potential(Gaussian(), 4.0, 20.0)) == []
    (warning,) = limits.check_mesh(mesh, Potential(Gaussian(), 4.0, 7.0))
    assert "mesh.z_spacing = 10" in warning
    with pytest.raises(InputError, match="range 1; allowed: 45% to 155%"):
        limits.check_mesh(mesh, Potential(Gaussian(), 4.0, 1.0))


def test_memory_that_cannot_fit_is_refused_with_the_number(monkeypatch):
    memory = limits.Memory.of(10**8, 10**8, 100, 4, restart=60)
    assert memory.most > memory.least > 8e8 * limits.VECTORS / 4
    half = limits.Memory.of(5 * 10**7, 10**8, 100, 4, restart=60)  # of g, which halves Krylov vectors alone
    assert half.least == memory.least and memory.most - half.most == pytest.approx(60 * 4e8 / 4)
    monkeypatch.setattr(limits, "memory_of_node", lambda: 4.0 * memory.least - 1.0)
    with pytest.raises(InputError, match=r"100000000 unknowns on 4 rank\(s\): needs at least [0-9.]+ GB"):
        limits.check_memory(memory, 4)
    assert len(limits.check_memory(memory, 3)) == 1
    with pytest.raises(InputError, match="needs at least"):
        limits.check_memory(memory, 3, all_of_it=True)
    monkeypatch.setattr(limits, "memory_of_node", lambda: 4.0 * memory.most)
    assert limits.check_memory(memory, 4) == []


def test_memory_of_this_node(tmp_path):
    """The least of what the machine and the control group have left, infinite where neither tells."""
    assert 0.0 < limits.memory_of_node() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert limits.memory_of_node(tmp_path / "none", tmp_path) == np.inf
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 3 kB\n")
    assert limits.memory_of_node(tmp_path / "meminfo", tmp_path) == 3072.0
    for name, value in (("max", "2000"), ("current", "500")):
        (tmp_path / f"memory.{name}").write_text(f"{value}\n")
    assert limits.memory_of_node(tmp_path / "meminfo", tmp_path) == 1500.0
