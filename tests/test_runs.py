"""Every case of runs/ at reduced size, by every command that it has a table for."""

import tomllib

import h5py
import numpy as np
import pytest
from follow import COARSE, REDUCED
from processes import RUNS, gbbgky, settings

CASES = {path.stem: path for path in sorted(RUNS.glob("*.toml"))}


def small(name):
    return settings(*REDUCED.get(name, COARSE), "output.snapshots_at=[]", "output.series_every=0.5")


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
    few = settings("md.realisations=1", "md.force_tolerance=1e-3", "time={end=1.0}")
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
