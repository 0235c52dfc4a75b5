"""`gbbgky flow` as users meet it: results, resumed runs, refusals, every case of runs/ at reduced size."""

import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from test_cli import RUNS, gbbgky

SMALL = {
    "cradle": ("mesh.theta_points=48", "space.points=64", "time.end=25.0", "output.series_every=5.0",
               "output.snapshots_at=[0.0, 25.0]", "flow.collision_points=24"),
    "cradle_dipolar": ("mesh.theta_points=48", "space.points=64", "time.end=2.0", "output.series_every=1.0",
                       "output.snapshots_at=[0.0, 2.0]"),
    "domain_wall": ("mesh.theta_points=48", "space.points=256", "time.end=4.0", "output.series_every=1.0",
                    "output.snapshots_at=[0.0, 4.0]"),
    "expansion": ("mesh.theta_points=48", "space.points=128", "time.end=22.0", "output.series_every=4.0",
                  "output.snapshots_at=[0.0, 22.0]"),
}  # fmt: skip


def flow(name, target, *more, ranks=1):
    words = [w for w in more if not (isinstance(w, str) and "=" in w)]
    sets = [word for a in (*SMALL[name], *(w for w in more if w not in words)) for word in ("--set", a)]
    return gbbgky("flow", RUNS / f"{name}.toml", "-o", target, *sets, *words, ranks=ranks)


@pytest.mark.parametrize("name", SMALL)
def test_cases_run_at_reduced_size(name, tmp_path):
    target = tmp_path / "out.h5"
    done = flow(name, target)
    assert done.returncode == 0, done.stderr
    with h5py.File(target) as file:
        assert file.attrs["complete"]
        s, last = file["series"], -1
        assert s["t"][last] == file["snapshots/t"][1] == pytest.approx(float(SMALL[name][2].split("=")[1]))
        if name != "domain_wall":
            assert np.abs(s["number"][()] / s["number"][0] - 1.0).max() < 1e-6
        if name.startswith("cradle"):
            assert np.abs(s["total_energy"][()] / s["total_energy"][0] - 1.0).max() < 1e-5
        points = file["mesh/x"].size, file["mesh/theta"].size
        assert file["snapshots/rho"].shape == (2, *points)
        assert file["snapshots/rho"].dims[1][0].name == "/mesh/x"
        density = file["snapshots/rho"][()] @ file["mesh/theta_weights"][()]
        np.testing.assert_allclose(density, file["snapshots/density"], rtol=1e-12)
    if name == "cradle":
        assert gbbgky("plot", target).returncode == 0
        assert target.with_suffix(".png").stat().st_size > 10000
        assert "/snapshots/temperature" in gbbgky("info", target).stdout


def test_resumed_is_straight_on_other_ranks(tmp_path):
    straight, parts = tmp_path / "straight.h5", tmp_path / "parts.h5"
    assert flow("cradle", straight).returncode == 0
    done = flow("cradle", parts, "time.end=10.0", "output.snapshots_at=[0.0]", ranks=2)
    assert done.returncode == 0, done.stderr
    done = flow("cradle", parts, "--resume")
    assert done.returncode == 0, done.stderr
    with h5py.File(straight) as one, h5py.File(parts) as other:
        for name in ("t", "total_energy", "entropy", "width"):
            np.testing.assert_allclose(other[f"series/{name}"], one[f"series/{name}"], rtol=1e-10)
        np.testing.assert_allclose(other["snapshots/rho"][1], one["snapshots/rho"][1], atol=1e-12)
    assert "is there already" in flow("cradle", parts, "--resume").stderr
    assert "to resume has" in flow("cradle", parts, "--resume", "time.end=50.0", "state.boost=1.0").stderr


def test_a_window_that_becomes_too_narrow_stops_the_run_and_saves_the_state(tmp_path):
    target = tmp_path / "out.h5"
    done = flow("expansion", target, "trap.quench={time=0.0, scale=9.0}", "time.end=20.0",
                "output.series_every=1.0", "output.snapshots_at=[0.0]", "mesh.theta_max=5.0")  # fmt: skip
    assert done.returncode == 3
    assert "too narrow by t =" in done.stderr
    with h5py.File(target) as file:
        assert not file.attrs["complete"]
        assert file["series/edge"][-1] > 1e-4 > file["series/edge"][-2]
        assert file["checkpoint/t"][()] == file["series/t"][-1]


@pytest.mark.parametrize(
    "more, reason",
    [
        (("space.x_max=30.0",), "space.x_max = 30: the cloud is wider than the box"),
        (("trap={kind='box', height=1e-9, half_width=20.0, edge=5.0}",), "cloud is wider than the box"),
        (("-flow_ts_dt", "9.0"), "unstable; allowed: up to"),
        (("-flow_ts_type", "bdf"), "is implicit"),
        (("time={end_rescaled=1.0}", "output.snapshots_at=[]"), "depends on place"),
    ],
)
def test_refusals(more, reason, tmp_path):
    words = [w for w in more if "=" not in w]
    sets = [w for w in more if "=" in w]
    done = flow("cradle", tmp_path / "out.h5", *sets, *words)
    assert done.returncode == 2
    assert reason in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_homogeneous_commands_refuse_states_in_space(tmp_path):
    done = gbbgky("kinetic", RUNS / "cradle.toml", "-o", tmp_path / "out.h5")
    assert done.returncode == 2 and "gbbgky flow" in done.stderr


def test_a_signal_saves_and_auto_goes_on(tmp_path):
    target = tmp_path / "out.h5"
    small = [word for a in (*SMALL["cradle"], "output.flush_seconds=1e-9") for word in ("--set", a)]
    words = ["flow", RUNS / "cradle.toml", "-o", target, *small, "--resume=auto"]
    command = [sys.executable, "-m", "gbbgky_petsc", *map(str, words), "--set", "time.end=1e5"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as running:
        while not target.exists():
            assert running.poll() is None
            time.sleep(0.02)
        running.send_signal(signal.SIGTERM)
        said = [line for line in running.communicate(timeout=60)[1].splitlines() if line.startswith("gbbgky: ")]
    assert running.returncode == 75 and len(said) == 1 and "SIGTERM" in said[0], said
    with h5py.File(target) as file:
        stopped = float(file["checkpoint/t"][()])
        assert not file.attrs["complete"] and file["series/t"][-1] == stopped
    done = gbbgky(*words, "--set", f"time.end={stopped + 5.0}")
    assert done.returncode == 0, done.stderr
    with h5py.File(target) as file:
        assert file.attrs["complete"] and file["series/t"][-1] == stopped + 5.0
        assert np.all(np.diff(file["series/t"]) > 0.0)
