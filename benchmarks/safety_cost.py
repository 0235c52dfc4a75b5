"""What checkpoints, checks of every step and signs of life take of a run, as shares of the same run.

    .venv/bin/python benchmarks/safety_cost.py runs/fig2_phi6.toml 20 [key=value ...] [-OPTION]

Runs the case to the given time as `gbbgky run` does, with a checkpoint after every step, and adds up the time inside
what follows an accepted step (finite, positive, within window and filling, invariants, a copy of the last good state,
signals of all ranks, rows, progress), inside the callback of every Krylov iteration, and inside checkpoints. CPU time;
for checkpoints also the wall time, since they wait for the disk. A checkpoint is counted once per
`output.checkpoint_seconds` of the case, as a run has it. Checks take the same time in every step: in later steps, which
take more Krylov iterations, their share is smaller. Prints JSON.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from gbbgky_petsc import environment

environment.prepare()

import petsc4py

_split = next((i for i, word in enumerate(sys.argv) if word.startswith("-")), len(sys.argv))
petsc4py.init([sys.argv[0], *sys.argv[_split:]])

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.commands import hierarchy, integrate
from gbbgky_petsc.commands.record import Recorder
from gbbgky_petsc.commands.resumption import Checkpointer
from gbbgky_petsc.solvers.integrator import Integrator


class Meter:
    """CPU and wall seconds inside a method, and calls of it, from now on."""

    def __init__(self, owner, name):
        self.cpu = self.wall = 0.0
        self.calls = 0
        former = getattr(owner, name)

        def metered(*arguments, **named):
            cpu, wall = time.process_time(), time.perf_counter()
            try:
                return former(*arguments, **named)
            finally:
                self.cpu += time.process_time() - cpu
                self.wall += time.perf_counter() - wall
                self.calls += 1

        setattr(owner, name, metered)


def main():
    path, end, *assignments = sys.argv[1:_split]
    settings = [*assignments, f"time={{end={float(end)}}}", "output.snapshots_at=[]"]
    interval = case_file.load(Path(path), settings).output.checkpoint_seconds
    built = problem.build(case_file.load(Path(path), [*settings, "output.checkpoint_seconds=1e-9"]), Path(path).parent)
    whole, after = Meter(Integrator, "run"), Meter(integrate._Course, "_monitor")
    alive, written = Meter(Recorder, "alive"), Meter(Checkpointer, "write")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        hierarchy.run(built, Path(folder) / "out.h5", summary=False)
    solving = whole.cpu - after.cpu - alive.cpu
    checks = (after.cpu - written.cpu) / solving
    signs = alive.cpu / solving
    each = written.wall / written.calls
    print(
        json.dumps(
            {
                "steps": after.calls - 1,
                "krylov_iterations": alive.calls,
                "cpu_seconds_of_solving": solving,
                "cpu_seconds_of_checks_per_step": (after.cpu - written.cpu) / after.calls,
                "share_of_checks": checks,
                "share_of_signs_of_life": signs,
                "seconds_per_checkpoint": {"cpu": written.cpu / written.calls, "wall": each},
                "share_of_checkpoints": each / interval,
                "share_together": checks + signs + each / interval,
            },
            indent=1,
        )
    )


main()
