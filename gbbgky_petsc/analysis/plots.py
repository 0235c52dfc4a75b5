"""Pictures in the form of the paper's Fig. 2."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gbbgky_petsc import case as case_file
from gbbgky_petsc.analysis.compare import low_pass
from gbbgky_petsc.store.reader import Result

#: colours that colour-blind readers tell apart (Okabe and Ito), for lines in this order
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: units of the models: what is one in them
UNITS = {"hard_rods": "m = 1", "free": "m = 1", "lieb_liniger": "hbar = 2m = 1"}
#: at most so many points with error bars along a curve
POINTS = 40


def axes(columns: int = 1, width: float = 5.0) -> tuple[Figure, Any]:
    """A figure with panels side by side, each ``width`` inches wide, and its axes."""
    style()
    return plt.subplots(1, columns, figsize=(width * columns, 3.6), layout="constrained")


def style() -> None:
    """The one style of all pictures."""
    cycle = cycler(color=COLOURS)
    plt.rcParams.update(
        {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.prop_cycle": cycle}
    )


class Titled(Protocol):
    """What a heading is made of."""

    @property
    def attributes(self) -> dict[str, Any]: ...


def heading(results: Sequence[Titled], without: Sequence[str] = ()) -> str:
    """Model, potential, state and units of the cases, as far as all results have them in common.

    Keys of ``without``, as table.key, are left out: they vary.
    """
    trees = [case_file.tree_of(result.attributes["case"]) for result in results]
    words = []
    for name in ("model", "potential", "state"):
        tables = [tree.get(name) or {} for tree in trees]
        kind = tables[0].get("kind")
        if not kind or any(table.get("kind") != kind for table in tables):
            continue
        shared = {
            k: v
            for k, v in tables[0].items()
            if f"{name}.{k}" not in without and all(table.get(k) == v for table in tables)
        }
        numbers = [f"{k} {v:g}" for k, v in shared.items() if isinstance(v, int | float) and not isinstance(v, bool)]
        words.append(", ".join([str(kind).replace("_", " "), *numbers]))
    units = {UNITS.get((tree.get("model") or {}).get("kind", ""), "of the case") for tree in trees}
    return "; ".join([*words, *(f"units: {unit}" for unit in units if len(units) == 1)]).replace("$", r"\$")


def dots(ax: Any, x: np.ndarray, y: np.ndarray, error: np.ndarray, **style: Any) -> None:
    """Points with error bars, at most about `POINTS` of them."""
    thin = slice(None, None, max(1, x.size // POINTS))
    ax.errorbar(x[thin], y[thin], error[thin], fmt=".", ms=3, lw=0.8, **style)


def figure(results: Sequence[Result], target: Path) -> None:
    """(a) kurtosis against rescaled time with the kinetic energy inset; (b) density correlation against z/xi.

    Results of molecular dynamics are dots with standard errors. Panel (b) shows the snapshots of the first result of
    either kind; beside dynamics the theory is low-passed like it. (c) where some result has it: slowest modes around
    its thermal state (`gbbgky kinetic --spectrum`), or how far the fields of the first one are from the closure.
    """
    spectrum = next((r for r in results if r.spectrum), None)
    fields = next((r for r in results if "triple_excess" in r.snapshots), None)
    fig, panels = axes(2 if spectrum is fields is None else 3, 4.5)
    left, right = panels[:2]
    if spectrum is not None:
        _modes(panels[2], spectrum)
    elif fields is not None:
        _closure(panels[2], fields)
    inset = left.inset_axes((0.55, 0.12, 0.42, 0.4))
    rescaled = all(np.all(np.isfinite(r.series["t_rescaled"])) and r.series["t_rescaled"].any() for r in results)
    for result in results:
        x = result.series["t_rescaled" if rescaled else "t"]
        _curve(left, x, result.series, "kurtosis", result.path.stem.replace("$", r"\$"))
        _curve(inset, x, result.series, "kinetic_energy", "")
    left.set(xlabel=r"$\bar t$" if rescaled else "$t$", ylabel="kurtosis", title="(a)")
    inset.set_title(r"$E_{\rm kin}$ per particle", fontsize=8)
    inset.tick_params(labelsize=7)
    inset.xaxis.set_major_locator(MaxNLocator(3))
    left.legend(frameon=False, loc="upper left", fontsize=8)
    _correlations(right, results)
    fig.suptitle(heading(results), fontsize=8)
    fig.savefig(target, dpi=150)
    plt.close(fig)


def _curve(ax: Any, x: np.ndarray, series: dict[str, np.ndarray], name: str, label: str) -> None:
    if f"{name}_stderr" not in series:
        ax.plot(x, series[name], label=label)
        return
    dots(ax, x, series[name], series[f"{name}_stderr"], color="black", label=label)


def _modes(ax: Any, result: Result) -> None:
    s = result.spectrum
    for rate, mode in zip(s["rates"], s["modes"], strict=True):
        ax.plot(result.mesh["theta"], mode, lw=1.0, label=f"rate {rate:.3g}")
    ax.fill_between(result.mesh["theta"], s["rho"] / s["rho"].max(), color="0.9", label="thermal state")
    ax.set(xlabel=r"$\theta$", ylabel="mode", title="(c) slowest modes")
    ax.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _closure(ax: Any, result: Result) -> None:
    s = result.snapshots
    for name, label in (("covariance_drift", "$c_2$ from the GGE"), ("triple_excess", "$g_3$ from $K_2 g$")):
        if name in s:
            ax.plot(s["t"], s[name], "o-", ms=3, label=label)
    ax.set(xlabel="$t$", ylabel="relative distance", title="(c) from the closure")
    ax.legend(frameon=False, fontsize=8)


def _correlations(ax: Any, results: Sequence[Result]) -> None:
    theory = next((r for r in results if "density_correlation_stderr" not in r.snapshots), None)
    dynamics = next((r for r in results if "density_correlation_stderr" in r.snapshots), None)
    first = results[0]
    xi = first.case.potential.range
    times = sorted({float(t) for r in (theory, dynamics) if r is not None for t in r.snapshots["t"]})
    shades = plt.get_cmap("viridis")(np.linspace(0.0, 0.9, max(1, len(times))))
    colours = dict(zip(times, shades, strict=False))
    if theory is not None:
        z, curves = theory.mesh["z"], theory.snapshots["density_correlation"]
        if dynamics is not None and len(curves):
            a = dynamics.attributes
            curves = low_pass(z, curves, float(a["low_pass_length"]), float(a["circumference"]))
        for t, n2 in zip(theory.snapshots["t"], curves, strict=True):
            ax.plot(z / xi, n2, color=colours[float(t)], label=f"$t = {t:g}$")
    if dynamics is not None:
        s = dynamics.snapshots
        values, errors = s["density_correlation"], s["density_correlation_stderr"]
        for t, n2, error in zip(s["t"], values, errors, strict=True):
            name = None if theory is not None and t in theory.snapshots["t"] else f"$t = {t:g}$"
            ax.errorbar(dynamics.mesh["z"] / xi, n2, error, fmt=".", ms=3, lw=0.8, color=colours[float(t)], label=name)
    what = r"$\int\!\int g\,d\theta\,d\theta'$" + ("" if dynamics is None else ", low-passed")
    ax.set(xlabel=r"$z/\xi$", ylabel=what, title="(b)", xlim=(-5.0, 5.0))
    if times:
        ax.legend(frameon=False, fontsize=8)
