"""`gbbgky flow` as users meet it: results, resumed and stopped runs, refusals, every case of runs/ at reduced size."""

import os
import signal
from pathlib import Path

import h5py
import numpy as np
import pytest
from processes import RUNS, gbbgky, settings

from gbbgky_petsc import case
from gbbgky_petsc.commands import flow as command
from gbbgky_petsc.commands.look import animate, info, plot
from gbbgky_petsc.commands.resumption import Finished, Resume
from gbbgky_petsc.errors import InputError, SolverError, Stopped
from gbbgky_petsc.flow import problem
from gbbgky_petsc.solvers.options import restored
from gbbgky_petsc.store.reader import read

SMALL = {
    "cradle": ("mesh.theta_points=48", "space.points=64", "time.end=15.0", "output.series_every=5.0",
               "output.snapshots_at=[0.0, 15.0]", "flow.collision_points=24", "flow.collision_step=2.5"),
    "cradle_dipolar": ("mesh.theta_points=48", "space.points=64", "time.end=2.0", "output.series_every=1.0",
                       "output.snapshots_at=[0.0, 2.0]"),
    "domain_wall": ("mesh.theta_points=48", "space.points=256", "time.end=4.0", "output.series_every=1.0",
                    "output.snapshots_at=[0.0, 4.0]"),
    "expansion": ("mesh.theta_points=48", "space.points=128", "time.end=22.0", "output.series_every=4.0",
                  "output.snapshots_at=[0.0, 22.0]"),
}  # fmt: skip


def flow(name, target, *more, mode=Resume.NO):
    """The command in this process."""
    with restored():
        command.run(problem.build(case.load(RUNS / f"{name}.toml", (*SMALL[name], *more)), RUNS), target, mode)


def words(name, target, *more):
    """The command line of the same run."""
    changes = settings(*SMALL[name], *(w for w in more if "=" in w))
    return "flow", RUNS / f"{name}.toml", "-o", target, *changes, *(w for w in more if "=" not in w)


@pytest.mark.parametrize("name", SMALL)
def test_cases_run_at_reduced_size(name, tmp_path, capsys):
    target = tmp_path / "out.h5"
    flow(name, target)
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
        plot([target], None)
        assert target.with_suffix(".png").stat().st_size > 10000
        animate(target, None)
        assert target.with_suffix(".gif").read_bytes()[:3] == b"GIF"
        with pytest.raises(InputError, match=r"allowed: a name ending in \.gif"):
            animate(target, tmp_path / "film.avi")
        info(target)
        assert "/snapshots/temperature" in capsys.readouterr().out


def test_rounding_makes_no_rows(tmp_path):
    """0.1 * 3 is not 0.3."""
    flow("domain_wall", tmp_path / "out.h5", "time.end=0.3", "output.series_every=0.1", "output.snapshots_at=[0.3]")
    with h5py.File(tmp_path / "out.h5") as file:
        np.testing.assert_allclose(file["series/t"], [0.0, 0.1, 0.2, 0.3])
        assert file["series/step"][-1] > 1e-3 and file["snapshots/t"].shape == (1,)


def test_resumed_is_straight_on_other_ranks(tmp_path):
    straight, parts = tmp_path / "straight.h5", tmp_path / "parts.h5"
    flow("cradle", straight)
    done = gbbgky(*words("cradle", parts, "time.end=10.0", "output.snapshots_at=[0.0]"), ranks=2)
    assert done.returncode == 0, done.stderr
    flow("cradle", parts, mode=Resume.MUST)
    with h5py.File(straight) as one, h5py.File(parts) as other:
        for name in ("t", "total_energy", "entropy", "width"):
            np.testing.assert_allclose(other[f"series/{name}"], one[f"series/{name}"], rtol=1e-10)
        np.testing.assert_allclose(other["snapshots/rho"][1], one["snapshots/rho"][1], atol=1e-12)
    with pytest.raises(InputError, match="is there already"):
        flow("cradle", parts, mode=Resume.MUST)
    with pytest.raises(Finished):
        flow("cradle", parts, mode=Resume.AUTO)
    for change, reason in (
        ("state.boost=1.0", "to resume has"),
        ("output.snapshots_at=[7.0]", "before the checkpoint"),
    ):
        with pytest.raises(InputError, match=reason):
            flow("cradle", parts, "time.end=50.0", change, mode=Resume.MUST)


def test_results_of_before_a_column_was_written_go_on(tmp_path):
    """Rows that have none are nan; tables that may differ are those that the refusal names."""
    target = tmp_path / "out.h5"
    flow("expansion", target, "time.end=8.0", "output.snapshots_at=[0.0]")
    with h5py.File(target, "r+") as file:
        del file["series/edge"]
    with pytest.raises(InputError, match=r"allowed to differ .*: \[time\], \[output\], .*\[hierarchy\]"):
        flow("expansion", target, "potential.strength=2.0", mode=Resume.MUST)
    flow("expansion", target, "hierarchy.order=collective", mode=Resume.MUST)
    with h5py.File(target) as file:
        assert np.isnan(file["series/edge"][:3]).all() and np.isfinite(file["series/edge"][3:]).all()


@pytest.mark.parametrize("name", ["cradle", "expansion"])
def test_a_signal_saves_and_resume_goes_on(name, tmp_path, monkeypatch):
    """With collisions and without; the rows are those of a run that was left alone."""
    target, straight, right = tmp_path / "out.h5", tmp_path / "straight.h5", command.add_row

    def warned(writer, t, *rest):
        right(writer, t, *rest)
        if t > 7.0:
            os.kill(os.getpid(), signal.SIGUSR1)

    with monkeypatch.context() as patch, pytest.raises(Stopped, match=r"SIGUSR1 at t = \S+, state saved"):
        patch.setattr(command, "add_row", warned)
        flow(name, target, mode=Resume.AUTO)
    with h5py.File(target) as file:
        assert not file.attrs["complete"] and 7.0 < file["checkpoint/t"][()] < 22.0
    flow(name, target, mode=Resume.AUTO)
    flow(name, straight)
    with h5py.File(target) as one, h5py.File(straight) as two:
        for column in ("t", "total_energy", "entropy", "width"):
            np.testing.assert_allclose(one[f"series/{column}"], two[f"series/{column}"], rtol=1e-10)


NARROW = ("trap.quench={time=0.0, scale=9.0}", "time.end=20.0", "output.series_every=1.0",
          "output.snapshots_at=[0.0]", "mesh.theta_max=5.0", "space.points=96")  # fmt: skip


def test_a_window_that_becomes_too_narrow_stops_the_run_and_saves_the_state(tmp_path):
    target = tmp_path / "out.h5"
    with pytest.raises(SolverError, match=r"too narrow by t = .* the state at t = .* is saved"):
        flow("expansion", target, *NARROW)
    with h5py.File(target) as file:
        assert not file.attrs["complete"] and "too narrow" in file.attrs["ended"]
        assert file["series/edge"][-1] > 1e-4 > file["series/edge"][-2]
        assert file["checkpoint/t"][()] == file["series/t"][-1]


def test_a_state_that_blows_up_is_not_what_is_saved(tmp_path, monkeypatch):
    """The checkpoint is the last row that was good."""
    right = command.FlowIntegrator.advance

    def spoilt(self, stop, watch=None):
        right(self, stop, watch)
        if stop > 10.0:
            self.state.scale(np.nan)
            raise SolverError("flow: rho is no longer finite")

    monkeypatch.setattr(command.FlowIntegrator, "advance", spoilt)
    with pytest.raises(SolverError, match="no longer finite; the state at t = 10 is saved"):
        flow("cradle", tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["checkpoint/t"][()] == 10.0 and np.all(np.isfinite(file["checkpoint/rho"]))


def test_a_result_in_space_keeps_no_pairs(tmp_path):
    flow("expansion", tmp_path / "out.h5")
    with pytest.raises(InputError, match="holds no field pair"):
        read(tmp_path / "out.h5").kept("pair", 0)


@pytest.mark.parametrize(
    "more, reason",
    [
        (("space.x_max=30.0",), "space.x_max = 30: the cloud is wider than the box"),
        (("trap={kind='box', height=1e-9, half_width=20.0, edge=5.0}",), "cloud is wider than the box"),
        (("trap={kind='lattice', depth=1.0, period=40.0}",), "trap: has no bound state between open ends"),
        (("mesh.theta_max=3.0",), "of the state sits at the ends of this window"),
        (("petsc={flow_ts_dt=9.0}",), "unstable; allowed: up to"),
        (("petsc={flow_ts_type='bdf'}",), "is implicit"),
        (("time={end_rescaled=1.0}", "output.snapshots_at=[]"), "depends on place"),
        (("kinetic.finite_length=true",), "kinetic.finite_length = true: its tables are those of one density"),
        (("kinetic.memory=true",), "kinetic.memory = true"),
        (("kinetic.staggered=true",), "kinetic.kind = coherent has no such option; allowed with: landau"),
    ],
)
def test_refusals(more, reason, tmp_path):
    with pytest.raises(InputError) as caught:
        flow("cradle", tmp_path / "out.h5", *more)
    assert reason in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out.h5").exists()


def test_a_table_outside_the_window_is_no_state(tmp_path):
    np.savez(tmp_path / "far.npz", x=np.arange(4.0), theta=50.0 + np.arange(4.0), rho=np.ones((4, 4)))
    with pytest.raises(InputError, match="state: its rho goes from 0 to 0; allowed: a density"):
        flow("cradle", tmp_path / "out.h5", f"state={{kind='phase_space_table', file='{tmp_path / 'far.npz'}'}}")


def test_all_ranks_end_with_one_line(tmp_path):
    done = gbbgky(*words("cradle", tmp_path / "out.h5", "-flow_ts_dt", "9.0"), ranks=2)
    lines = [line for line in done.stderr.splitlines() if line.startswith("gbbgky:")]
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert "-flow_ts_dt 9: unstable; allowed: up to" in lines[0]


def test_homogeneous_commands_refuse_states_in_space():
    from gbbgky_petsc import problem as homogeneous

    with pytest.raises(InputError, match="gbbgky flow"):
        homogeneous.build(case.load(RUNS / "cradle.toml"), Path())
