"""The command line as users meet it: results, refusals, every case of runs/ at reduced size."""

import json
import signal
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from processes import CASE, RUNS, alone, await_file, gbbgky, sets, settings, started

from gbbgky_petsc.cli import split_arguments


def test_own_arguments_and_petsc_options_part():
    own, petsc = split_arguments(
        ["run", "a.toml", "-ts_type", "rk", "-log_view", "--force", "-o", "x.h5", "-ts_dt", "-1"]
    )
    assert own == ["run", "a.toml", "--force", "-o", "x.h5"]
    assert petsc == ["-ts_type", "rk", "-log_view", "-ts_dt", "-1"]


@pytest.mark.parametrize("case", sorted(RUNS.glob("fig2*.toml")), ids=lambda p: p.stem)
def test_every_figure_case_runs_at_reduced_size(case, tmp_path):
    target = tmp_path / "out.h5"
    done = gbbgky("run", case, "-o", target, *sets())
    assert done.returncode == 0, done.stderr
    with h5py.File(target) as file:
        np.testing.assert_allclose(file["series/t"], np.arange(5) * 5.0)
        energy = file["series/total_energy"][()]
        assert np.abs(energy / energy[0] - 1.0).max() < 1e-6
        assert -1.39 < file["series/kurtosis"][0] < -1.38
        assert file["series/kurtosis"][-1] > -1.3
        assert file["snapshots/rho"].shape == (1, 36)
        assert file["snapshots/rho"].dims[1][0].name == "/mesh/theta"
        assert json.loads(file.attrs["case"])["mesh"]["theta_points"] == 36
        assert file.attrs["complete"] and file.attrs["ranks"] == 1
    picture = gbbgky("plot", target)
    assert picture.returncode == 0 and target.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "kurtosis" in gbbgky("info", target).stdout


def test_interpolated_series_agrees_with_hit_times(tmp_path):
    a, b = tmp_path / "a.h5", tmp_path / "b.h5"
    gbbgky("run", CASE, "-o", a, *sets("output.series_every=2.5"))
    gbbgky("run", CASE, "-o", b, *sets("output.snapshots_at=[2.5,5,7.5,10,12.5,15,17.5]", "output.series_every=2.5"))
    with h5py.File(a) as one, h5py.File(b) as two:
        np.testing.assert_allclose(one["series/kurtosis"], two["series/kurtosis"], atol=2e-3)


def test_command_line_beats_case_and_unknown_options_are_named(tmp_path):
    target = tmp_path / "out.h5"
    done = gbbgky("run", CASE, "-o", target, *sets("petsc.ts_type=bdf", "petsc.ksp_rtol=1e-5"), "-ts_type", "rk",
                  "-ts_dt", "0.5", "-ts_adapt_type", "none", "-no_such_option", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no_such_option" in done.stdout + done.stderr
    with h5py.File(target) as file:
        options = json.loads(file.attrs["petsc_options"])
        assert options["ts_type"] == "rk" and float(options["ksp_rtol"]) == 1e-5
        np.testing.assert_allclose(file["series/step"][1:], 0.5)


def test_existing_output_is_kept_unless_forced(tmp_path):
    target = tmp_path / "out.h5"
    target.write_text("precious")
    refused = gbbgky("run", CASE, "-o", target, *sets())
    assert refused.returncode == 2 and "--force" in refused.stderr
    assert target.read_text() == "precious"


RINGS = ["time.end=20.0", "output.snapshots_at=[10.0]", "output.series_every=5.0", "md.realisations=5",
         "md.force_tolerance=1e-3", "output.flush_seconds=0.01"]  # fmt: skip


def rings(*assignments):
    return settings(*RINGS, *assignments)


def test_md_writes_the_same_schema_with_errors(tmp_path):
    """Every column of the hierarchy is there, each random one with its error; the plot takes both kinds."""
    theory, dynamics = tmp_path / "theory.h5", tmp_path / "dynamics.h5"
    assert gbbgky("run", CASE, "-o", theory, *sets()).returncode == 0
    done = gbbgky("md", CASE, "-o", dynamics, *rings())
    assert done.returncode == 0, done.stderr
    with h5py.File(theory) as one, h5py.File(dynamics) as two:
        for group in ("series", "snapshots", "mesh"):
            assert set(one[group]) <= set(two[group])
        np.testing.assert_allclose(two["series/t"], np.arange(5) * 5.0)
        np.testing.assert_allclose(two["snapshots/t"], [0.0, 10.0])
        assert set(np.unique(two["series/kurtosis_stderr"][()] > 0.0)) == {True}
        spread = np.sqrt((2.32 - 1.2**2) / 4.0 / 500.0)  # of 500 values of theta^2/2 in two boosted Maxwellians
        assert abs(two["series/kinetic_energy"][0] - 0.6) < 4.0 * spread
        # of 500 velocities all lie on the mesh, and the ring has exactly the density of the case
        np.testing.assert_allclose(two["snapshots/rho"][()] @ two["mesh/theta_weights"][()], 0.2)
        assert two["snapshots/density_correlation"].dims[1][0].name == "/mesh/z"
        assert two["snapshots/structure"].dims[1][0].name == "/mesh/k"
        assert two.attrs["complete"] and two.attrs["realisations"] == 5 and two.attrs["particles"] == 100
    picture = gbbgky("plot", theory, dynamics, "-o", tmp_path / "both.png")
    assert picture.returncode == 0 and (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")


def test_md_resumes_and_does_not_depend_on_ranks(tmp_path):
    straight, resumed = tmp_path / "straight.h5", tmp_path / "resumed.h5"
    assert gbbgky("md", CASE, "-o", straight, *rings(), ranks=2).returncode == 0
    assert gbbgky("md", CASE, "-o", resumed, *rings("md.realisations=2")).returncode == 0
    done = gbbgky("md", CASE, "-o", resumed, "--resume", *rings("kinetic.tolerance=1e-4"))
    assert done.returncode == 0, done.stderr
    with h5py.File(straight) as one, h5py.File(resumed) as two:
        for name in one["series"]:
            np.testing.assert_array_equal(one[f"series/{name}"], two[f"series/{name}"])
        np.testing.assert_array_equal(one["samples/realisation"], np.arange(5))
    for changed, word in (("md.seed=8", "md.seed"), ("md.realisations=3", "md.realisations")):
        refused = gbbgky("md", CASE, "-o", resumed, "--resume", *rings(changed))
        assert refused.returncode == 2 and word in refused.stderr and len(refused.stderr.splitlines()) == 1
    with h5py.File(resumed) as file:
        assert file.attrs["realisations"] == 5


def test_md_killed_keeps_finished_realisations(tmp_path):
    target = tmp_path / "out.h5"
    with started("md", CASE, "-o", target, *rings("md.realisations=100000")) as running:
        assert await_file(target, running)
    assert running.returncode == -signal.SIGKILL
    with h5py.File(target) as file:
        held = file["samples/realisation"].size
        assert held >= 1 and not file.attrs["complete"]
    done = gbbgky("md", CASE, "-o", target, "--resume", *rings(f"md.realisations={held + 1}"))
    assert done.returncode == 0, done.stderr
    with h5py.File(target) as file:
        np.testing.assert_array_equal(file["samples/realisation"], np.arange(held + 1))


def test_md_step_follows_from_an_energy_tolerance(tmp_path):
    target, tolerance = tmp_path / "out.h5", 1e-7
    setting = rings("md.energy_tolerance=1e-7", "time.end=50.0", "md.realisations=20", "output.snapshots_at=[]")
    done = gbbgky("md", CASE, "-o", target, *setting)
    assert done.returncode == 0, done.stderr
    with h5py.File(target) as file:
        assert file.attrs["md_step"] != 0.1
        assert tolerance / 4.0 < file["series/energy_error_rms"][-1] < 4.0 * tolerance


BAD_RINGS = {
    "md.realisations=0": "md.realisations",
    "md.realisation=5": "md.realisation",
    "md.particles=100": "exactly one of",
    "md.ring=60.0": "md.ring",
    "md.integrator=euler": "md.integrator",
    "md.step=-0.1": "md.step",
    "md.ranks_per_ring=2": "md.ranks_per_ring",
    "md.equilibrate=true": "md.equilibrate",
    "model={kind='lieb_liniger',coupling=1.0}": "md.model",
    "state.density=1.5": "state.density",
}


@pytest.mark.parametrize("assignment", BAD_RINGS)
def test_bad_md_input_is_one_line(assignment, tmp_path):
    done = gbbgky("md", CASE, "-o", tmp_path / "out.h5", *rings(assignment))
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and BAD_RINGS[assignment] in lines[0]
    assert not (tmp_path / "out.h5").exists()


def test_bad_md_input_under_mpirun_ends_all_ranks(tmp_path):
    done = gbbgky("md", CASE, "-o", tmp_path / "out.h5", *rings("md.ranks_per_ring=3"), ranks=2)
    assert done.returncode != 0 and done.stderr.count("md.ranks_per_ring") == 1 and "Traceback" not in done.stderr


def test_md_takes_no_petsc_options(tmp_path):
    done = gbbgky("md", CASE, "-o", tmp_path / "out.h5", "-ts_type", "rk")
    assert done.returncode == 2 and "-ts_type" in done.stderr


BAD = {
    "model.lenght=1.0": "model.lenght",  # codespell:ignore lenght
    "model.kind=rods": "model.kind",
    "state.density=1.5": "state.density",
    "state.density=-0.2": "state.density",
    "state.density=many": "state.density",
    "potential.range=-20.0": "potential.range",
    "potential.strength=nan": "potential.strength",
    "mesh.name=huge": "huge",
    "mesh.theta_max=1.5": "theta_max",
    "mesh.z_max=30.0": "mesh",
    "mesh.theta_points=10": "theta_points",
    "time.end_rescaled=0.5": "end_rescaled",
    "hierarchy.boundary=open": "boundary",
    "output.snapshots_at=[30.0]": "snapshots_at",
    "state.kind=table": "state.file",
}


@pytest.mark.parametrize("assignment", BAD)
def test_bad_input_is_one_line(assignment, tmp_path):
    done = gbbgky("run", CASE, "-o", tmp_path / "out.h5", *sets(assignment))
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and BAD[assignment] in lines[0] and "Traceback" not in done.stderr
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.parametrize(
    "options", [("-pc_python_type", "nonsense"), ("-ts_type", "nonsense"), ("-ksp_type", "nonsense")], ids=" ".join
)
def test_bad_petsc_option_is_one_line(tmp_path, options):
    done = gbbgky("run", CASE, "-o", tmp_path / "out.h5", *sets(), *options)
    assert done.returncode == 2 and "nonsense" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert not list(tmp_path.iterdir())


def test_bad_table_is_one_line(tmp_path):
    (tmp_path / "phi.txt").write_text("0 1\n1 0.5\n2 nan\n3 0\n")
    case = tmp_path / "case.toml"
    case.write_text(CASE.read_text().replace('kind = "power"\nexponent = 6', 'kind = "table"\nfile = "phi.txt"'))
    done = gbbgky("run", case, "-o", tmp_path / "out.h5")
    assert done.returncode == 2 and "non-finite" in done.stderr and len(done.stderr.splitlines()) == 1


def test_missing_case_and_broken_toml(tmp_path):
    assert "No such file" in gbbgky("run", tmp_path / "no.toml").stderr
    (tmp_path / "bad.toml").write_text("[model\n")
    assert "not valid TOML" in gbbgky("run", tmp_path / "bad.toml").stderr


def test_bad_input_under_mpirun_ends_all_ranks(tmp_path):
    done = gbbgky("run", CASE, "-o", tmp_path / "out.h5", *sets("state.density=1.5"), ranks=2)
    assert done.returncode != 0
    assert done.stderr.count("state.density") == 1 and "Traceback" not in done.stderr


def test_two_ranks_write_the_same_numbers(tmp_path):
    results = []
    for ranks in (1, 2):
        target = tmp_path / f"{ranks}.h5"
        done = gbbgky("run", CASE, "-o", target, *sets(), "-ksp_rtol", "1e-9", ranks=ranks)
        assert done.returncode == 0, done.stderr
        with h5py.File(target) as file:
            assert file.attrs["ranks"] == ranks
            results.append(file["snapshots/density_correlation"][()])
    np.testing.assert_allclose(results[0], results[1], atol=1e-9 * np.abs(results[0]).max())


def test_thermal_case_at_reduced_size(tmp_path):
    """Through the command line, with a named preconditioner and options from [petsc]; the script reads what it left."""
    target = tmp_path / "out.h5"
    small = ("mesh.theta_points=40", "mesh.z_spacing=20.0", "output.snapshots_at=[1000.0,4e5]")
    done = gbbgky("run", RUNS / "thermal.toml", "-o", target, *settings(*small))
    assert done.returncode == 0, done.stderr
    script = Path(__file__).parent.parent / "benchmarks" / "thermal_state.py"
    printed = alone([sys.executable, script, target], seconds=60.0)
    report = json.loads(printed.stdout)
    assert report["error_of_g"] < 1e-4 and report["change_of_rho"] < 1e-6
    assert report["error_of_density_correlation"]["400000"] < 1e-4
