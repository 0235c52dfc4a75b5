"""Pictures of rates and of spectra."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from gbbgky_petsc.analysis.plots import axes, entitle, units
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.store.rates import Rates
from gbbgky_petsc.store.reader import case_tables


def figure(rates: Rates, target: Path) -> None:
    """Left the rate in the state, right the decay rates around its thermal state, against the first scanned key.

    Without a scan by operator; a line for each value of further keys.
    """
    fig, (left, right) = axes(2)
    keys = list(rates.scans)
    case = _fixed(rates)
    of = units([case])
    entitle(fig, [case])
    others = np.stack([rates.scans[key] for key in keys[1:]], axis=1) if len(keys) > 1 else None
    lines = [slice(None)] if others is None else [np.all(others == row, axis=1) for row in np.unique(others, axis=0)]
    for number, (kind, own) in enumerate(rates.kinds.items()):
        slope, decay, modes = own["initial_rate"], own["kurtosis_decay"], own["modes"]
        colour = f"C{number}"
        if not keys:
            left.plot(kind, slope[0], "o", color=colour)
            right.plot([kind] * modes.shape[1], modes[0], "_", color=colour, ms=14)
            right.plot(kind, decay[0], "o", color=colour)
            continue
        x = rates.scans[keys[0]]
        for i, at in enumerate(lines):
            label = kind if i == 0 else None
            left.plot(x[at], slope[at], "o-", ms=3, color=colour, label=label)
            right.plot(x[at], decay[at], "o-", ms=3, color=colour, label=label)
            right.plot(x[at], modes[at], ":", color=colour, lw=0.8)
    rising = all(np.nanmin(own["initial_rate"], initial=np.inf) > 0.0 for own in rates.kinds.values())
    left.set(ylabel=of.label("d kurtosis/dt", "rate"), yscale="log" if rising else "linear")
    left.set_title("in the state", fontsize=9)
    decaying = any(np.isfinite(own[name]).any() for own in rates.kinds.values() for name in ("modes", "kurtosis_decay"))
    right.set(ylabel=of.label("decay rate", "rate"), yscale="log" if decaying else "linear")
    right.set_title("around its thermal state: kurtosis (dots), slowest modes", fontsize=9)
    if keys:
        left.legend(frameon=False, fontsize=8)
        for ax in (left, right):
            ax.set_xlabel(keys[0])
            _logarithmic(ax, np.unique(rates.scans[keys[0]]))
    fig.savefig(target, dpi=150)
    plt.close(fig)


def _fixed(rates: Rates) -> dict[str, Any]:
    """The nested tables of the case without the keys that are scanned."""
    case = case_tables(rates)
    for key in rates.scans:
        *tables, last = key.split(".")
        inside: Any = case
        for name in tables:
            inside = inside.get(name, {})
        inside.pop(last, None)
    return case


def _logarithmic(ax: Any, x: Array) -> None:
    """A logarithmic axis for values that are spaced like that."""
    if x.size > 2 and x.min() > 0.0 and np.allclose(np.diff(np.log(x)), np.log(x[1] / x[0])):
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
