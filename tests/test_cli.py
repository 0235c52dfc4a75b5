"""The command line as users meet it: results, refusals, every case of runs/ at reduced size."""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from gbbgky_petsc.cli import split_arguments

RUNS = Path(__file__).parent.parent / "runs"
CASE = RUNS / "fig2_phi6_quick.toml"
SMALL = [
    "mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_spacing=10.0", "time.end=20.0",
    "output.series_every=5.0", "output.snapshots_at=[10.0]",
]  # fmt: skip


def gbbgky(*arguments, ranks=1):
    command = [sys.executable, "-m", "gbbgky_petsc", *map(str, arguments)]
    if ranks > 1:
        command = ["mpirun", "--oversubscribe", "-n", str(ranks), *command]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_COMM", "PMIX_"))}
    environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)


def sets(*assignments):
    return [word for a in (*SMALL, *assignments) for word in ("--set", a)]


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


BAD = {
    "model.lenght=1.0": "model.lenght",
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
    done = gbbgky("run", RUNS / "thermal.toml", "-o", target, *(w for a in small for w in ("--set", a)))
    assert done.returncode == 0, done.stderr
    script = Path(__file__).parent.parent / "benchmarks" / "thermal_state.py"
    printed = subprocess.run([sys.executable, script, target], capture_output=True, text=True, timeout=60)
    report = json.loads(printed.stdout)
    assert report["error_of_g"] < 1e-4 and report["change_of_rho"] < 1e-6
    assert report["error_of_density_correlation"]["400000"] < 1e-4
