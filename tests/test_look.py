"""How commands look: progress in a log, titles of pictures."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure
from processes import CASE, SMALL

from gbbgky_petsc import case as case_file
from gbbgky_petsc import problem
from gbbgky_petsc.analysis import plots
from gbbgky_petsc.analysis.plots import heading, units
from gbbgky_petsc.commands import common, look
from gbbgky_petsc.commands.record import Recorder
from gbbgky_petsc.errors import InputError, StorageError
from gbbgky_petsc.store import sealed
from gbbgky_petsc.store.rates import CONTENT, read_rates
from gbbgky_petsc.store.writer import FORMAT_VERSION


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
    assert isinstance(common.progress_bar(1.0), common.LogProgress)


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


def drawn(monkeypatch):
    """Figures as they are saved."""
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, target, **_: figures.append(figure))
    return figures


def write_rates(path, strengths, operators=("coherent", "landau")):
    """What `gbbgky rates` writes for rates that go with the square of the strength."""
    with h5py.File("rates", "w", driver="core", backing_store=False) as file:
        tree = {"potential": {"kind": "gaussian", "strength": 1.0, "range": 8.0}}
        file.attrs.update({"case": json.dumps(tree), "content": CONTENT, "format_version": FORMAT_VERSION})
        file["scan/potential.strength"] = strengths
        for i, kind in enumerate(operators, start=1):
            file[f"{kind}/initial_rate"] = i * 1e-5 * strengths**2
            file[f"{kind}/kurtosis_decay"] = i * 1e-6 * strengths**2
            file[f"{kind}/modes"] = i * 1e-7 * np.outer(strengths**2, [1.0, 2.0])
        file.flush()
        sealed.write(path, file.id.get_file_image())


def test_rates_are_read_and_drawn_by_the_scanned_key(tmp_path, monkeypatch):
    path, strengths = tmp_path / "rates.h5", np.geomspace(0.5, 4.0, 4)
    write_rates(path, strengths)
    rates = read_rates(path)
    np.testing.assert_array_equal(rates.scans["potential.strength"], strengths)
    assert list(rates.kinds) == ["coherent", "landau"] and rates.kinds["landau"]["modes"].shape == (4, 2)
    figures = drawn(monkeypatch)
    look.plot([path], None)
    left, right = figures[0].axes
    np.testing.assert_allclose(left.lines[1].get_ydata(), 2e-5 * strengths**2)
    assert len(right.lines) == 2 * (1 + 2) and left.get_xscale() == "log"
    assert "range 8" in figures[0].get_suptitle() and "strength" not in figures[0].get_suptitle()


def test_rates_that_are_damaged_or_among_others_are_refused(tmp_path):
    path = tmp_path / "rates.h5"
    write_rates(path, np.geomspace(0.5, 4.0, 4))
    with pytest.raises(InputError, match="alone"):
        look.plot([path, path], None)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"x" + whole[len(whole) // 2 + 1 :])
    with pytest.raises(InputError, match="damaged"):
        read_rates(path)
    write_rates(path, np.geomspace(0.5, 4.0, 4), operators=())
    with pytest.raises(InputError, match="different numbers of points"):
        read_rates(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: file.attrs.pop("case"), "attribute case is missing or of another type"),
        (lambda file: file.attrs.update({"case": 7}), "attribute case is missing or of another type"),
        (lambda file: file.attrs.update({"case": "{"}), "its case is not JSON"),
        (lambda file: file.attrs.update({"case": '{"model": 3}'}), "its case is no set of tables"),
        (lambda file: file.__delitem__("landau/modes"), "/landau/modes is no array of numbers"),
        (lambda file: file.create_dataset("mine", data=1.0), "/mine/initial_rate is no array of numbers"),
        (lambda file: file.create_dataset("scan/huge", (2**41,), "u1", chunks=(2**20,)), "/scan/huge claims"),
        (lambda file: file.__setitem__("other", h5py.SoftLink("/landau")), "/other is a link to elsewhere"),
    ],
)
def test_rates_that_were_edited_are_refused_in_one_line(change, reason, tmp_path):
    path = tmp_path / "rates.h5"
    write_rates(path, np.geomspace(0.5, 4.0, 4))
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=reason) as caught:
        look.plot([path], None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "seen"),
    [(OSError(28, "No space left on device"), StorageError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_picture_is_there_whole_or_not_at_all(error, seen, tmp_path, monkeypatch):
    path, target = tmp_path / "rates.h5", tmp_path / "rates.png"
    write_rates(path, np.geomspace(0.5, 4.0, 4))
    target.write_bytes(b"an older one")

    def half(figure, target, **_):
        Path(target).write_bytes(b"half of one")
        raise error

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(seen):
        look.plot([path], None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rates.h5", "rates.png"]
    assert target.read_bytes() == b"an older one"


def test_spectrum_and_distance_from_the_closure_have_a_panel(tmp_path, monkeypatch):
    t, theta, z = np.arange(3.0), np.linspace(-3.0, 3.0, 8), np.linspace(-40.0, 40.0, 16)
    series = dict.fromkeys(("t", "t_rescaled", "kurtosis", "kinetic_energy"), t)
    shots = {"t": t, "density_correlation": np.zeros((3, 16))}
    tree = {"model": {"kind": "free"}, "potential": {"kind": "gaussian", "strength": 1.0, "range": 8.0}}
    modes = {"rates": np.array([1e-5, 2e-5]), "modes": np.ones((2, 8)), "rho": np.exp(-(theta**2))}
    case = SimpleNamespace(potential=SimpleNamespace(range=8.0))

    def made(spectrum, snapshots):
        attributes = {"case": json.dumps(tree)}
        return SimpleNamespace(
            path=Path("a.h5"), attributes=attributes, series=series, snapshots=shots | snapshots,
            mesh={"theta": theta, "z": z}, spectrum=spectrum, case=case,
        )  # fmt: skip

    figures = drawn(monkeypatch)
    fields = {"triple_excess": t, "covariance_drift": t**2}
    for spectrum, snapshots in (({}, {}), (modes, {}), ({}, fields)):
        plots.figure([made(spectrum, snapshots)], tmp_path / "a.png")
    panels = [[ax for ax in figure.axes if ax.get_xlabel()] for figure in figures]
    assert [len(p) for p in panels] == [2, 3, 3]
    assert [line.get_label() for line in panels[1][2].lines] == ["rate 1e-05", "rate 2e-05"]
    np.testing.assert_array_equal(panels[2][2].lines[0].get_ydata(), t**2)


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
