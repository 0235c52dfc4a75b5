"""Pictures in the form of the paper's Fig. 2."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gbbgky_petsc.analysis.compare import low_pass
from gbbgky_petsc.analysis.units import Units, units_of
from gbbgky_petsc.store.reader import Result, case_tables

#: colours that colour-blind readers tell apart (Okabe and Ito), for lines in this order
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
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


def tables(results: Sequence[Result]) -> list[dict[str, Any]]:
    """The nested tables of the cases that results are of; raises `InputError`."""
    return [case_tables(result) for result in results]


def units(cases: Sequence[Mapping[str, Any]]) -> Units:
    """Units that the cases have in common."""
    return units_of([case.get("model") or {} for case in cases])


def heading(cases: Sequence[Mapping[str, Any]]) -> str:
    """Model, potential, state and units of the cases, as far as all have them in common."""
    words = []
    for name in ("model", "potential", "state"):
        facts = [_facts(case.get(name) or {}) for case in cases]
        if facts[0].get("kind") and all(other.get("kind") == facts[0]["kind"] for other in facts):
            shared = {k: v for k, v in facts[0].items() if all(other.get(k) == v for other in facts)}
            words.append(", ".join([shared.pop("kind"), *(f"{k} {v}" for k, v in shared.items())]))
    return "; ".join([*words, f"units: {units(cases).words}"]).replace("$", r"\$")


def entitle(fig: Figure, cases: Sequence[Mapping[str, Any]]) -> None:
    """The `heading` above a figure, on as many lines as it needs."""
    fig.suptitle(textwrap.fill(heading(cases), int(14.0 * fig.get_figwidth())), fontsize=8)


def _facts(table: Mapping[str, Any]) -> dict[str, str]:
    """Kind and single numbers of a table as text; of a sum, the kinds of its parts; of a custom model, its source."""
    facts = {}
    for key, value in table.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            facts[key] = f"{value:g}"
        elif key == "parameters":
            facts |= _facts(value)
        elif key == "parts":
            facts[key] = " + ".join(str(part["kind"]) for part in value)
        elif key in ("kind", "statistics", "source", "through"):
            facts[key] = str(value).replace("_", " ") if key == "kind" else str(value)
    return facts


def few_ticks(ax: Any, most: int = 6) -> None:
    """So few numbers along x that they do not touch, with a power of ten in front where they are long."""
    ax.xaxis.set_major_locator(MaxNLocator(most))
    ax.ticklabel_format(axis="x", scilimits=(-2, 4))


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
    cases = tables(results)
    of = units(cases)
    spectrum = next((r for r in results if r.spectrum), None)
    fields = next((r for r in results if "triple_excess" in r.snapshots), None)
    fig, panels = axes(2 if spectrum is fields is None else 3, 4.5)
    left, right = panels[:2]
    if spectrum is not None:
        _modes(panels[2], spectrum, of)
    elif fields is not None:
        _closure(panels[2], fields, of)
    inset = left.inset_axes((0.55, 0.14, 0.42, 0.38))
    rescaled = all(np.all(np.isfinite(r.series["t_rescaled"])) and r.series["t_rescaled"].any() for r in results)
    for result in results:
        x = result.series["t_rescaled" if rescaled else "t"]
        _curve(left, x, result.series, "kurtosis", result.path.stem.replace("$", r"\$"))
        _curve(inset, x, result.series, "kinetic_energy", "")
    left.set(xlabel=r"$\bar t$" if rescaled else of.label("$t$", "time"), ylabel="kurtosis", title="(a)")
    inset.set_title(of.label(r"$E_{\rm kin}$ per particle", "energy"), fontsize=8)
    inset.tick_params(labelsize=7)
    few_ticks(left)
    few_ticks(inset, 3)
    left.legend(frameon=False, loc="upper left", fontsize=8)
    _correlations(right, results, of)
    entitle(fig, cases)
    fig.savefig(target, dpi=150)
    plt.close(fig)


def _curve(ax: Any, x: np.ndarray, series: dict[str, np.ndarray], name: str, label: str) -> None:
    if f"{name}_stderr" not in series:
        ax.plot(x, series[name], label=label)
        return
    dots(ax, x, series[name], series[f"{name}_stderr"], color="black", label=label)


def _modes(ax: Any, result: Result, of: Units) -> None:
    s = result.spectrum
    for rate, mode in zip(s["rates"], s["modes"], strict=True):
        ax.plot(result.mesh["theta"], mode, lw=1.0, label=f"rate {rate:.3g}")
    ax.fill_between(result.mesh["theta"], s["rho"] / s["rho"].max(), color="0.9", label="thermal state")
    ax.set(xlabel=of.label(r"$\theta$", "momentum"), ylabel="mode", title="(c) slowest modes")
    ax.legend(frameon=False, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _closure(ax: Any, result: Result, of: Units) -> None:
    s = result.snapshots
    for name, label in (("covariance_drift", "$c_2$ from the GGE"), ("triple_excess", "$g_3$ from $K_2 g$")):
        if name in s:
            ax.plot(s["t"], s[name], "o-", ms=3, label=label)
    ax.set(xlabel=of.label("$t$", "time"), ylabel="relative distance", title="(c) from the closure")
    ax.legend(frameon=False, fontsize=8)


def _correlations(ax: Any, results: Sequence[Result], of: Units) -> None:
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
    ax.set(xlabel=r"$z/\xi$", ylabel=of.label(what, "correlation"), title="(b)", xlim=(-5.0, 5.0))
    if times:
        ax.legend(frameon=False, fontsize=8)
