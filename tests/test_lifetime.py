"""Integrators in scripts: several at a time, closed, forgotten or in the way of an exception."""

import sys
import time

import numpy as np
import pytest
from petsc4py import PETSc
from processes import CASE, alone, gbbgky, last_words, sets

from gbbgky_petsc.physics.potential import Potential, Power
from gbbgky_petsc.physics.states import BoostedThermal
from gbbgky_petsc.solvers.integrator import Integrator

#: a script with a hierarchy, its rho and a first integrator
SCRIPT = """
import petsc4py
petsc4py.init([])
from pathlib import Path
from petsc4py import PETSc
from gbbgky_petsc import case, problem
from gbbgky_petsc.equations.hierarchy import Hierarchy
from gbbgky_petsc.solvers.integrator import Integrator

loaded = case.load(Path({case!r}), {small!r})
built = problem.build(loaded, Path())

def made(preconditioner="lyapunov"):
    h = Hierarchy(built.mesh, built.model, built.potential)
    return Integrator(h, h.initial_vector(built.rho), options={{"pc_python_type": preconditioner}})

first = made()
first.run(2.0, [], lambda progress: None)
"""
SMALL = ("mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_spacing=10.0", "time={end=20.0}",
         "output.snapshots_at=[]")  # fmt: skip


def script(text, ranks=1):
    """Run a script on so many ranks."""
    return alone([sys.executable, "-c", SCRIPT.format(case=str(CASE), small=SMALL) + text], ranks, seconds=60.0)


def test_three_integrators_have_their_own_options(small):
    """Created side by side: one closed, one used in with, one forgotten; each has the step cap of its own range."""

    def hierarchy(reach):
        return small(potential=Potential(Power(6.0), 4.0, reach), state=BoostedThermal(0.2, 2.5, 1.0),
                     theta_max=5.0, theta_points=36, z_max=80.0, z_spacing=10.0, comm=PETSc.COMM_SELF)  # fmt: skip

    before = dict(PETSc.Options().getAll())
    wide, narrow = hierarchy(20.0), hierarchy(10.0)
    loose = {"ts_atol": 10.0, "ksp_rtol": 0.3}
    one = Integrator(wide, wide.start(), options=loose)
    two = Integrator(narrow, narrow.start(), options=loose)
    three = Integrator(narrow, narrow.start(), options={**loose, "ts_adapt_dt_max": 3.0, "ts_rosw_type": "ra34pw2"})
    assert [float(i.options.get("ts_adapt_dt_max")) for i in (one, two, three)] == [54.7723, 27.3861, 3.0]  # 3 xi/v
    assert dict(PETSc.Options().getAll()) == before
    steps = {}
    for name, integrator in (("two", two), ("one", one), ("three", three)):  # not in the order of creation
        taken = []
        integrator.run(300.0 if name != "three" else 20.0, [], lambda p, taken=taken: taken.append(p.step))
        steps[name] = max(taken)
    assert steps["one"] <= 54.7723 and steps["two"] <= 27.3861
    np.testing.assert_allclose(steps["three"], 3.0)
    assert dict(PETSc.Options().getAll()) == before
    one.close()
    one.close()
    with two:
        pass
    del three  # forgotten


ENDINGS = {
    "forgotten": ("", 0),
    "two forgotten": ("second = made('normal_modes')\nsecond.run(1.0, [], lambda p: None)", 0),
    "exit": ("import sys; sys.exit(7)", 7),
    "raise": ("raise ValueError('of the script')", 1),
}


@pytest.mark.parametrize(
    ("ending", "ranks"), [*((ending, 1) for ending in ENDINGS), ("two forgotten", 2), ("raise", 2)]
)
def test_scripts_may_forget(ending, ranks):
    text, status = ENDINGS[ending]
    done = script(text, ranks)
    assert done.returncode == status, done.stderr
    assert ("of the script" in done.stderr) == (ending == "raise")
    for word in ("PETSC ERROR", "Segmentation", "signal", "Exception ignored"):
        assert word not in done.stderr, done.stderr


def test_an_integrator_that_could_not_be_made_does_not_spoil_the_end():
    done = script("try:\n    Integrator(None, None)\nexcept AttributeError:\n    pass\n"
                  "try:\n    made('nonsense')\nexcept ValueError as e:\n    print(e)\n")  # fmt: skip
    assert done.returncode == 0 and "nonsense" in done.stdout and not done.stderr, done.stderr


@pytest.mark.parametrize("ranks", [1, 2])
def test_solver_failure_is_one_line_and_status_3_within_seconds(tmp_path, ranks):
    began = time.monotonic()
    done = gbbgky("run", CASE, "-o", tmp_path / "out.h5", *sets(), "-ksp_max_it", "1",
                  "-snes_max_linear_solve_fail", "0", "-ksp_rtol", "1e-12", ranks=ranks)  # fmt: skip
    assert time.monotonic() - began < 20.0
    assert done.returncode == 3, done.stderr
    ours = last_words(done.stderr)
    assert len(ours) == 1 and "t = 0" in ours[0] and "Traceback" not in done.stderr, done.stderr
