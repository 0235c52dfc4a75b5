"""How commands look: progress in a log, titles of pictures."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

from test_cli import CASE, SMALL

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.analysis.plots import heading
from gbbgky_petsc.commands import common
from gbbgky_petsc.commands.record import Recorder


def test_progress_in_a_log_is_whole_lines(monkeypatch):
    """A line every so many seconds of the clock and one at the end, none of which returns to its start."""
    now = [0.0]
    monkeypatch.setattr(common.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    progress = common.LogProgress(100.0, 20.0, out)
    for step in range(8):
        now[0] += 10.0
        progress.set_postfix_str(f"t={step}", refresh=False)
        progress.update(10.0)
    progress.close()
    assert out.getvalue().splitlines() == [
        " 50% t=2 [00:30<00:50]",
        " 80% t=5 [01:00<00:20]",
        "100% t=7 [01:20<00:00]",
    ]
    progress.close()
    assert len(out.getvalue().splitlines()) == 3 and "\r" not in out.getvalue()


def test_a_long_step_shows_that_it_is_alive(monkeypatch):
    """Krylov iterations between two accepted steps make lines, no more often than others."""
    now = [0.0]
    monkeypatch.setattr(common.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(common.sys, "stderr", io.StringIO())
    p = problem.build(case_file.load(CASE, SMALL), CASE.parent)
    recorder = Recorder(p, common.new_result(Path("never.h5"), p, "", 1))
    for _ in range(7):
        now[0] += 10.0
        recorder.alive()
    said = common.sys.stderr.getvalue().splitlines()
    assert [line.partition("[")[0] for line in said] == [f"  0% , Krylov iteration {n} " for n in (3, 6)], said


def test_progress_that_did_nothing_says_nothing():
    out = io.StringIO()
    common.LogProgress(100.0, 0.0, out).close()
    assert out.getvalue() == ""


def test_a_log_gets_lines_where_stderr_is_no_terminal(monkeypatch):
    monkeypatch.setattr(common.sys, "stderr", io.StringIO())
    assert isinstance(common.progress_bar(1.0, "t"), common.LogProgress)


def result(strength, kind="hard_rods"):
    tree = {
        "model": {"kind": kind, "length": 1.0},
        "potential": {"kind": "power", "exponent": 6.0, "strength": strength},
        "state": {"kind": "thermal", "density": 0.2},
    }
    return SimpleNamespace(path=Path("a.h5"), attributes={"case": json.dumps(tree)})


def test_a_title_says_what_all_results_have_in_common():
    one = heading([result(4.0)])
    assert one == "hard rods, length 1; power, exponent 6, strength 4; thermal, density 0.2; units: m = 1"
    both = heading([result(4.0), result(8.0)])
    assert "exponent 6" in both and "strength" not in both
    mixed = heading([result(4.0), result(4.0, "lieb_liniger")])
    assert "hard rods" not in mixed and "units" not in mixed
