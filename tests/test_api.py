"""The library face: its examples, and that it is what the command line does."""

import doctest
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from mpi4py import MPI
from petsc4py import PETSc
from processes import CASE, SMALL

import gbbgky_petsc as gb
from gbbgky_petsc import api
from gbbgky_petsc.errors import InputError


def test_examples_of_the_docstrings():
    found = doctest.testmod(api, optionflags=doctest.ELLIPSIS)
    assert found.attempted > 10 and not found.failed


def test_names_are_there_and_typed():
    assert set(gb.__all__) <= set(dir(gb))
    for name in gb.__all__:
        assert getattr(gb, name).__doc__, name
    with pytest.raises(AttributeError, match="nonsense"):
        gb.nonsense  # noqa: B018


def test_a_script_need_not_start_petsc_itself():
    script = (
        "import gbbgky_petsc as gb\n"
        f"h = gb.hierarchy(gb.build(gb.load_case({str(CASE)!r}, {SMALL!r})))\n"
        "print(h.fields.comm.size)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout == "1\n" and not done.stderr, done.stderr


def test_a_run_is_that_of_the_command_line_and_leaves_no_options(tmp_path):
    """The file is kept where one is asked for; the case's [petsc] table is nobody else's."""
    case = gb.load_case(CASE, [*SMALL, "petsc.ts_rosw_type=ra34pw2"])
    before = dict(PETSc.Options().getAll())
    result = gb.run(case, tmp_path / "out.h5")
    assert dict(PETSc.Options().getAll()) == before
    np.testing.assert_allclose(result.series["t"], np.arange(5) * 5.0)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file.attrs["complete"] and "ra34pw2" in file.attrs["petsc_options"]
        np.testing.assert_array_equal(file["series/kurtosis"], result.series["kurtosis"])
    assert not list(tmp_path.glob("*.lock"))
    with pytest.raises(InputError, match="exists"):
        gb.run(case, tmp_path / "out.h5")
    assert gb.read(tmp_path / "out.h5").case == case


@pytest.mark.parallel
@pytest.mark.parametrize("kept", [False, True])
def test_a_run_on_several_ranks_is_every_rank_s(kept, tmp_path):
    """One lock, one file, one result; nothing is left of a run that keeps no file."""
    world = MPI.COMM_WORLD
    folder = Path(world.bcast(str(tmp_path)))
    result = gb.run(gb.load_case(CASE, SMALL), folder / "out.h5" if kept else None)
    kurtosis = world.allgather(result.series["kurtosis"])
    assert all(np.array_equal(kurtosis[0], k) for k in kurtosis) and result.attributes["ranks"] == world.size
    assert {p.name for p in folder.iterdir() if "checkpoint" not in p.name} == ({"out.h5"} if kept else set())
    if not kept:
        assert not result.path.exists()


def test_tables_and_files_make_the_same_case():
    case = gb.load_case("fig2_phi6_quick")
    assert gb.load_case(case.model_dump(mode="json", exclude_none=True)) == case
    tables = {"model": {}}
    with pytest.raises(InputError, match="model"):
        gb.load_case(tables, ["model.kind=rods"])
    assert tables == {"model": {}}


def test_kinetic_run(tmp_path):
    result = gb.run(gb.load_case(CASE, [*SMALL, "kinetic.kind=landau"]), kinetic=True)
    assert result.series["t"][-1] == 20.0 and not result.path.exists()


def test_as_xarray():
    result = gb.run(gb.load_case(CASE, SMALL))
    data = result.to_xarray()
    assert isinstance(data, xarray.Dataset)
    np.testing.assert_array_equal(data.kurtosis.sel(t=20.0), result.series["kurtosis"][-1])
    assert data.snapshot_rho.dims == ("snapshot_t", "theta") and data.snapshot_density_correlation.dims[1] == "z"


def test_states_in_space_and_structure_factors_as_xarray():
    """Each axis has its name; what has none of its own is called after its array."""
    t, theta, x, k = np.arange(3.0), np.arange(4.0), np.arange(5.0), np.arange(6.0)
    shots = {"t": t, "rho": np.zeros((3, 5, 4)), "rho_stderr": np.zeros((3, 5, 4)), "density": np.zeros((3, 5))}
    made = gb.Result(Path("a.h5"), {}, {"theta": theta, "x": x}, {"t": t}, shots, {}).to_xarray()
    assert made.snapshot_rho.dims == made.snapshot_rho_stderr.dims == ("snapshot_t", "x", "theta")
    assert made.snapshot_density.dims == ("snapshot_t", "x") and "z" not in made.coords
    shots = {"t": t, "structure": np.zeros((3, 6)), "other": np.zeros((3, 2, 7))}
    ring = gb.Result(Path("a.h5"), {}, {"theta": theta, "z": x, "k": k}, {"t": t}, shots, {}).to_xarray()
    assert ring.snapshot_structure.dims == ("snapshot_t", "k")
    assert ring.snapshot_other.dims == ("snapshot_t", "other_1", "other_2")
