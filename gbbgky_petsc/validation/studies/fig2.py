"""Fig. 2 of the paper: kurtosis, kinetic energy and density correlation against dynamics."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from gbbgky_petsc.analysis.compare import low_pass
from gbbgky_petsc.analysis.plots import axes, dots
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies.common import Findings, Results, Study, at, drift, named, potential_of, row

#: end of the fast stage of Fig. 2, a few xi/v
FAST_END = 100.0
#: time of the snapshot from which the kinetic equation takes over
KINETIC_FROM = {"fig2_phi6": 1000.0, "fig2_phi3": 500.0}
#: other forms of layer 2, on the quick mesh
VARIANTS = {"printed": "hierarchy.closure=printed", "leading": "hierarchy.order=leading"}


def parts(tier: str) -> list[Part]:
    quick = ("mesh.name=quick",)
    full = tier == "full"
    count = 1000 if full else 120
    parts = []
    for case, cost in (("fig2_phi6", 0.5), ("fig2_phi3", 0.25)):
        if full or case == "fig2_phi6":
            for name, setting in VARIANTS.items():
                parts.append(Part(f"{case}_{name}", "run", case, (*quick, setting), 60.0))
        parts += [
            Part(f"{case}_theory_{tier}", "run", case, () if full else quick, 900.0 if full else 50.0),
            Part(
                f"{case}_kinetic_{tier}",
                "kinetic",
                case,
                (*(() if full else quick), "kinetic.kind=screened"),
                10.0,
                (f"{case}_theory_{tier}", KINETIC_FROM[case]),
            ),
            Part(f"{case}_md_{tier}", "md", case, (f"md.realisations={count}",), cost * count),
        ]
    return parts


def analyse(results: Results) -> Findings:
    found = Findings()
    fig, panels = axes(2)
    for ax, case, label in zip(panels, ("fig2_phi6", "fig2_phi3"), ("1/(1+x^6)", "1/(1+|x|^3)"), strict=True):
        theory, dynamics = named(results, f"{case}_theory"), named(results, f"{case}_md")
        k, unit = statistics.kurtosis(dynamics), float(theory.attributes["rescaled_time_unit"])
        inset = ax.inset_axes((0.55, 0.1, 0.42, 0.36))
        variants = {name: results[f"{case}_{name}"] for name in VARIANTS if f"{case}_{name}" in results}
        lines = {"full, fluctuation": theory} | variants
        for (name, result), style in zip(lines.items(), ("-", "--", ":"), strict=False):
            ax.plot(result.series["t_rescaled"], result.series["kurtosis"], style, label=name)
            inset.plot(result.series["t_rescaled"], result.series["kinetic_energy"], style)
        kinetic = named(results, f"{case}_kinetic")
        ax.plot(kinetic.series["t_rescaled"], kinetic.series["kurtosis"], "-.", label="kinetic, screened")
        x = dynamics.series["t_rescaled"]
        dots(ax, x, k.value, k.error, color="black", label="molecular dynamics")
        s = dynamics.series
        dots(inset, x, s["kinetic_energy"], s["kinetic_energy_stderr"], color="black")
        ax.set(xlabel=r"$\bar t$", ylabel="kurtosis", title=rf"$\varphi = {label}$")
        inset.set_title(r"$E_{\rm kin}$", fontsize=8)
        inset.tick_params(labelsize=6)
        compare_kurtosis(found, case, theory, dynamics, k, unit)
        for name, other in (variants | {"kinetic": kinetic}).items():
            end = float(min(theory.series["t"][-1], other.series["t"][-1]))
            found.table.append(
                {
                    "what": f"{case}: kurtosis at the end, {name} minus hierarchy",
                    "value": at(other, end) - at(theory, end),
                }
            )
    panels[0].legend(frameon=False, fontsize=7, loc="upper left")
    found.figures["fig2a"] = fig
    found.figures["fig2b"] = fig2b(found, named(results, "fig2_phi6_theory"), named(results, "fig2_phi6_md"))
    return found


def compare_kurtosis(
    found: Findings, case: str, theory: Result, dynamics: Result, k: statistics.Estimate, unit: float
) -> None:
    found.expect("energy_drift", f"{case}: theory, relative energy drift", drift(theory, "total_energy"), 0.0)
    found.expect(
        "md_energy", f"{case}: dynamics, mean energy error at the end", dynamics.series["energy_error"][-1], 0.0
    )
    spread = dynamics.samples["powers"][:, 0, 1]
    relative = float(spread.std() / spread.mean())
    rows = [row(dynamics, t * unit) for t in (0.003, 0.006, 0.025, 0.06, 0.12, 0.25, 0.48)]
    rows = sorted({i for i in rows if 0 < i < k.value.size})
    t = dynamics.series["t"][rows]
    prediction = np.array([at(theory, time) for time in t])
    progress = 1.0 - prediction / theory.series["kurtosis"][0]
    bias = statistics.finite_size_bias(int(dynamics.attributes["particles"]), relative, progress)
    potential, fast = potential_of(theory), at(theory, FAST_END)
    expansion = (potential.strength / (potential.range * theory.series["kinetic_energy"][0])) ** 2
    for i, time, expected, lack in zip(rows, t, prediction, bias, strict=True):
        found.expect(
            "kurtosis", f"{case}: kurtosis at t = {time:g}, dynamics against theory", k.value[i], expected, k.error[i],
            more=abs(lack) + expansion * max(0.0, expected - fast),
        )  # fmt: skip
    apart = k.value[rows] - prediction - bias
    square, p = statistics.agreement(apart, k.covariance[np.ix_(rows, rows)], int(dynamics.attributes["realisations"]))
    what = f"{case}: T^2 of {len(rows)} kurtoses, correlated in time, less the bias of finite N (p = {p:.2g})"
    found.table.append({"what": what, "value": square})


def fig2b(found: Findings, theory: Result, dynamics: Result) -> Figure:
    """Density correlation, low-passed alike, at the snapshots of both."""
    fig, ax = axes()
    xi = potential_of(theory).range
    length, ring = float(dynamics.attributes["low_pass_length"]), float(dynamics.attributes["circumference"])
    curves = low_pass(theory.mesh["z"], theory.snapshots["density_correlation"], length, ring)
    s, z = dynamics.snapshots, dynamics.mesh["z"]
    colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.9, len(s["t"])))
    for i, colour in enumerate(colours):
        j = int(np.argmin(np.abs(theory.snapshots["t"] - s["t"][i])))
        if s["t"][i] == 0.0 or abs(theory.snapshots["t"][j] - s["t"][i]) > 1e-6:
            continue
        ax.plot(theory.mesh["z"] / xi, curves[j], color=colour, label=f"$t = {s['t'][i]:g}$")
        dots(ax, z / xi, s["density_correlation"][i], s["density_correlation_stderr"][i], color=colour)
        middle, centre = int(np.argmin(np.abs(z))), int(np.argmin(np.abs(theory.mesh["z"])))
        depth = abs(curves[j, centre])
        found.expect(
            "correlation", f"Fig. 2(b): hole at z = 0, t = {s['t'][i]:g}, over its depth",
            s["density_correlation"][i, middle] / depth, curves[j, centre] / depth,
            s["density_correlation_stderr"][i, middle] / depth,
        )  # fmt: skip
    ax.set(xlabel=r"$z/\xi$", ylabel=r"$\int\!\int g$, low-passed", xlim=(-5, 5))
    ax.legend(frameon=False, fontsize=8)
    return fig


STUDY = Study(
    "fig2",
    "Fig. 2: kurtosis, kinetic energy, density correlation",
    "Two boosted thermal states after the long-range potential is switched on. Lines: hierarchy on the infinite "
    "line; dots: hard rods on a ring of 500 with standard errors over realisations. Correlations are low-passed "
    "alike, since dynamics sees the hard core that theory has as a delta function.",
    parts,
    analyse,
)
