"""How commands look: progress in a log, titles of pictures."""

import io

import pytest
from test_cli import CASE, SMALL

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.analysis.plots import heading, units
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


def tables(strength, kind="hard_rods"):
    return {
        "model": {"kind": kind, "length": 1.0},
        "potential": {"kind": "power", "exponent": 6.0, "strength": strength},
        "state": {"kind": "thermal", "density": 0.2},
    }


def test_a_title_says_what_all_results_have_in_common():
    one = heading([tables(4.0)])
    assert one == "hard rods, length 1; power, exponent 6, strength 4; thermal, density 0.2; units: m = 1"
    both = heading([tables(4.0), tables(8.0)])
    assert "exponent 6" in both and "strength" not in both
    mixed = heading([tables(4.0), tables(4.0, "lieb_liniger")])
    assert "hard rods" not in mixed and mixed.endswith("units: of the case")


@pytest.mark.parametrize(
    ("model", "title", "time", "energy"),
    [
        ({"kind": "free"}, "free; units: m = 1", r"\tau", r"m L^2/\tau^2"),
        ({"kind": "free", "statistics": "bosonic"}, "free, statistics bosonic; units: hbar = m = 1", r"m L^2/\hbar",
         r"\hbar^2/m L^2"),
        ({"kind": "lieb_liniger", "coupling": 0.5}, "lieb liniger, coupling 0.5; units: hbar = 2m = 1",
         r"2 m L^2/\hbar", r"\hbar^2/2 m L^2"),
        ({"kind": "custom", "source": "gas.py", "parameters": {"width": 2.0}, "digest": "1f"},
         "custom, source gas.py, width 2; units: of the case", r"\mathrm{time}", r"\mathrm{energy}"),
    ],
)  # fmt: skip
def test_units_of_every_model(model, title, time, energy):
    """Title and axis labels follow from the stored case alone; the file of a custom model is not run."""
    assert heading([{"model": model}]) == title
    of = units([{"model": model}])
    assert of.label("$t$", "time") == f"$t$ [${time}$]" and of.label("E", "energy") == f"E [${energy}$]"
    assert of.label("rate", "rate") == f"rate [$({time})^{{-1}}$]"


def test_title_of_a_sum_of_potentials():
    parts = [{"kind": "gaussian", "strength": 1.0, "range": 1.0}, {"kind": "dipolar", "strength": 0.5, "range": 1.0}]
    assert "sum, strength 2, parts gaussian + dipolar" in heading(
        [{"potential": {"kind": "sum", "strength": 2.0, "parts": parts}}]
    )
