"""Pictures of states in space."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation

from gbbgky_petsc.analysis.plots import entitle, style, tables, units
from gbbgky_petsc.analysis.units import Units
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.store.reader import Result

#: at most so many phase-space pictures
SNAPSHOTS = 6
#: a second of an animation
FRAMES = 8


def figure(results: Sequence[Result], target: Path) -> None:
    """Density in space and time, what is conserved, and phase-space pictures of the first result; widths of all.

    Raises
    ------
    InputError
        If the first result holds no snapshots.
    """
    first = results[0]
    if len(first.snapshots["t"]) == 0:
        raise InputError(f"{first.path}: holds no snapshots; allowed: a result with output.snapshots_at")
    chosen = np.unique(np.linspace(0, len(first.snapshots["t"]) - 1, SNAPSHOTS).round().astype(int))
    cases = tables(results)
    of = units(cases)
    style()
    fig = plt.figure(figsize=(12.0, 6.6), layout="constrained")
    entitle(fig, cases)
    parts: Any = fig.subfigures(2, 1)
    above, below = parts
    panels = above.subplots(1, 3)
    _space_time(panels[0], first, of)
    _widths(panels[1], results, of)
    _drifts(panels[2], first, of)
    pictures = below.subplots(1, chosen.size, squeeze=False, sharey=True)[0]
    largest = float(first.snapshots["rho"][chosen].max())
    for ax, i in zip(pictures, chosen, strict=True):
        _phase_space(ax, first, int(i), largest, of)
    pictures[0].set_ylabel(of.label(r"$\theta$", "momentum"))
    fig.savefig(target, dpi=150)
    plt.close(fig)


def animation(result: Result, target: Path) -> None:
    """Phase space and density, one frame for each snapshot, as GIF or MP4 by the ending of ``target``.

    Raises
    ------
    InputError
        If the result holds no snapshots.
    """
    s, x = result.snapshots, result.mesh["x"]
    if len(s["t"]) == 0:
        raise InputError(f"{result.path}: holds no snapshots; allowed: a result with output.snapshots_at")
    cases = tables([result])
    of = units(cases)
    style()
    fig, (above, below) = plt.subplots(2, 1, figsize=(6.0, 6.0), sharex=True, layout="constrained")
    entitle(fig, cases)
    largest = float(s["rho"].max())
    (line,) = below.plot(x, s["density"][0])
    below.set(
        xlabel=of.label("$x$", "length"),
        ylabel=of.label("density", "density"),
        ylim=(0.0, 1.05 * float(s["density"].max())),
    )

    def draw(i: int) -> list[Any]:
        above.clear()
        _phase_space(above, result, i, largest, of)
        above.set(xlabel="", ylabel=of.label(r"$\theta$", "momentum"))
        line.set_ydata(s["density"][i])
        return [line]

    FuncAnimation(fig, draw, frames=len(s["t"]), blit=False).save(
        target, writer="pillow" if target.suffix == ".gif" else "ffmpeg", fps=FRAMES, dpi=100
    )
    plt.close(fig)


def _space_time(ax: Any, result: Result, of: Units) -> None:
    t, x, q = result.snapshots["t"], result.mesh["x"], result.snapshots["density"]
    place, density = of.label("$x$", "length"), of.label("density", "density")
    if t.size < 2:
        ax.plot(x, q[0])
        ax.set(xlabel=place, ylabel=density)
        return
    image = ax.pcolormesh(x, t, q, cmap="magma", shading="nearest", rasterized=True)
    plt.colorbar(image, ax=ax, label=density)
    ax.set(xlabel=place, ylabel=of.label("$t$", "time"), ylim=(t[0], t[-1]))


def _widths(ax: Any, results: Sequence[Result], of: Units) -> None:
    for result in results:
        s = result.series
        ax.plot(s["t"], s["width"] / s["width"][0], label=f"width in x, {result.path.stem}")
        ax.plot(s["t"], s["rapidity_width"] / s["rapidity_width"][0], "--", label=r"rms $\theta$")
    ax.set(xlabel=of.label("$t$", "time"), ylabel="over the initial one")
    ax.margins(y=0.3)  # room for the legend
    ax.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)


def _drifts(ax: Any, result: Result, of: Units) -> None:
    s = result.series
    for name, label in (("number", "number"), ("total_energy", "energy"), ("entropy", "entropy")):
        if name not in s:
            continue  # dynamics has no entropy
        drift = np.abs(s[name] / s[name][0] - 1.0)
        ax.semilogy(s["t"], np.maximum(drift, 1e-17), label=f"{label}, relative change")
    ax.set(xlabel=of.label("$t$", "time"))
    ax.legend(frameon=False, fontsize=8)


def _phase_space(ax: Any, result: Result, i: int, largest: float, of: Units) -> None:
    x, theta, rho = result.mesh["x"], result.mesh["theta"], result.snapshots["rho"][i]
    ax.pcolormesh(x, theta, rho.T, cmap="viridis", vmin=0.0, vmax=largest, shading="nearest", rasterized=True)
    ax.set(xlabel=of.label("$x$", "length"), title=f"$t = {result.snapshots['t'][i]:.4g}$")
