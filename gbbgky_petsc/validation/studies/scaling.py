"""Scaling collapse: rates of relaxation for several strengths, ranges and rod lengths."""

import numpy as np

from gbbgky_petsc.analysis.plots import axes, dots
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies.common import Findings, Results, Study

BASE_RUN = {"strength": 4.0, "range": 20.0, "length": 1.0}
SCANS = {"strength": (2.0, 6.0), "length": (0.7, 1.4), "range": (14.0, 28.0)}
KEYS = {"strength": "potential.strength", "range": "potential.range", "length": "model.length"}
SYMBOLS = {"strength": "V_0", "range": r"\xi", "length": "a"}
WINDOW = (0.04, 0.14)


def parts(tier: str) -> list[Part]:
    parts = [Part("scaling_base_theory", "run", "scaling", (), 30.0)]
    if tier == "full":
        parts.append(Part("scaling_base_md", "md", "scaling", (), 120.0))
    for name, values in SCANS.items():
        for value in values if tier == "full" or name != "range" else ():
            settings = (f"{KEYS[name]}={value}",)
            parts.append(Part(f"scaling_{name}_{value:g}_theory", "run", "scaling", settings, 30.0))
            if tier == "full":
                parts.append(Part(f"scaling_{name}_{value:g}_md", "md", "scaling", settings, 150.0))
    return parts


def rate(result: Result) -> tuple[float, float]:
    """d kurtosis/dt over `WINDOW`; its error over realisations for dynamics, 0 for theory."""
    x, t = result.series["t_rescaled"], result.series["t"]
    inside = (x >= WINDOW[0]) & (x <= WINDOW[1])
    weights = np.zeros(t.size)
    weights[inside] = statistics.slope_weights(t[inside])
    if not result.samples:
        return float(weights @ result.series["kurtosis"]), 0.0
    return statistics.kurtosis(result).combined(weights)


def analyse(results: Results) -> Findings:
    scans = {name: values for name, values in SCANS.items() if f"scaling_{name}_{values[0]:g}_theory" in results}
    found, (fig, panels) = Findings(), axes(len(scans), 4.0)
    kinds = ["theory"] + (["md"] if "scaling_base_md" in results else [])
    for ax, (name, values) in zip(panels, scans.items(), strict=True):
        every = sorted([*values, BASE_RUN[name]])
        rates: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        for value in every:
            stem = "scaling_base" if value == BASE_RUN[name] else f"scaling_{name}_{value:g}"
            theory = results[f"{stem}_theory"]
            (line,) = ax.plot(
                theory.series["t_rescaled"], theory.series["kurtosis"], label=f"${SYMBOLS[name]} = {value:g}$"
            )
            for kind in kinds:
                rates[kind].append(rate(results[f"{stem}_{kind}"]))
            if "md" in kinds:
                dynamics = results[f"{stem}_md"]
                s = dynamics.series
                dots(ax, s["t_rescaled"], s["kurtosis"], s["kurtosis_stderr"], color=line.get_color())
        ax.set(xlabel=r"$\bar t$", ylabel="kurtosis")
        ax.legend(frameon=False, fontsize=8)
        for kind in kinds:
            y, error = np.array(rates[kind]).T
            measured = statistics.power_law(np.array(every), y, error if kind == "md" else None)
            leading = -3 if name == "range" else 2
            what = f"exponent of the rate in {name}, {kind} (error {measured[1]:.2g}, leading order {leading})"
            found.table.append({"what": what, "value": measured[0]})
            found.table += [
                {"what": f"rate d kurtosis/dt, {name} = {v:g}, {kind} (error {e:.1g})", "value": r}
                for v, (r, e) in zip(every, rates[kind], strict=True)
            ]
    found.figures["scaling"] = fig
    return found


STUDY = Study(
    "scaling",
    "Scaling collapse",
    "Kurtosis against rescaled time for three strengths, lengths and ranges; exponents of the rate of growth "
    f"between rescaled times {WINDOW[0]} and {WINDOW[1]}.",
    parts,
    analyse,
)
