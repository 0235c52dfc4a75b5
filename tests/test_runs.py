"""Every case of runs/ at reduced size, by every command that it has a table for."""

import tomllib

import h5py
import numpy as np
import pytest
from test_cli import RUNS, gbbgky

COARSE = ("mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_spacing=10.0", "time={end=10.0}")
#: what makes a case small, where that is not `COARSE`
REDUCED = {
    "equilibrium": ("mesh.theta_points=36", "mesh.z_spacing=10.0", "time={end=10.0}"),
    "four_fields": ("mesh.theta_points=26", "mesh.z_spacing=8.0", "time={end=5.0}"),
    "lieb_liniger_dipolar": ("mesh.theta_points=60", "mesh.z_spacing=0.5", "time={end=0.5}"),
    "thermal": ("mesh.theta_points=40", "mesh.z_spacing=20.0", "time={end=10.0}"),
    "validity": ("mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_max=48.0", "mesh.z_spacing=4.0",
                 "time={end=10.0}"),
}  # fmt: skip
CASES = {path.stem: path for path in sorted(RUNS.glob("*.toml"))}


def small(name):
    return [
        word
        for a in (*REDUCED.get(name, COARSE), "output.snapshots_at=[]", "output.series_every=0.5")
        for word in ("--set", a)
    ]


@pytest.mark.parametrize(
    "name", [name for name, path in CASES.items() if "space" not in tomllib.loads(path.read_text())]
)
def test_hierarchy(name, tmp_path):
    done = gbbgky("run", CASES[name], "-o", tmp_path / "out.h5", *small(name))
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out.h5") as file:
        energy, density = file["series/total_energy"][()], file["series/density"][()]
        assert file.attrs["complete"] and len(energy) >= 2
        assert np.abs(energy / energy[0] - 1.0).max() < 1e-5
        assert np.abs(density / density[0] - 1.0).max() < 1e-11


WITH_RINGS = [
    name for name, path in CASES.items() if "md" in (t := tomllib.loads(path.read_text())) and "space" not in t
]


@pytest.mark.parametrize("name", WITH_RINGS)
def test_molecular_dynamics(name, tmp_path):
    few = ("--set", "md.realisations=1", "--set", "md.force_tolerance=1e-3", "--set", "time={end=1.0}")
    done = gbbgky("md", CASES[name], "-o", tmp_path / "out.h5", *small(name), *few)
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out.h5") as file:
        assert file.attrs["complete"] and file["samples/realisation"].size == 1


@pytest.mark.parametrize("name", [n for n, p in CASES.items() if "kinetic" in tomllib.loads(p.read_text())])
def test_kinetic_equation(name, tmp_path):
    done = gbbgky("kinetic", CASES[name], "-o", tmp_path / "out.h5", *small(name))
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out.h5") as file:
        energy = file["series/kinetic_energy"][()]
        assert file.attrs["complete"] and np.abs(energy / energy[0] - 1.0).max() < 1e-3
