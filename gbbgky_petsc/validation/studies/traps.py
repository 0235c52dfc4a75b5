"""Rods alone in a quadratic and in a quartic trap: which of them goes thermal (Bagchi et al., arXiv:2306.11713)."""

from typing import Any

import numpy as np

from gbbgky_petsc.analysis.plots import COLOURS, axes, dots
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.physics.observables import kurtosis
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies.common import Findings, Results, Study, named

#: sixteen rods, split by +-1.5, without V; beta of the Gibbs ensemble from which that at the same energies is weighted
BASE = ("potential.strength=0.0", "state.number=16")
TRAPS = {
    "quadratic": ("trap={kind='harmonic',frequency=0.2}", "state.beta=0.69"),
    "quartic": ("trap={kind='quartic',strength=8e-4}", "state.beta=0.637"),
}
#: boxes of layer 1 and how far it goes
THEORY = {
    "quadratic": ("space.x_max=42.0", "space.points=160", "time.end=1000.0",
                  "output.snapshots_at=[0.0,5.0,10.0,20.0,50.0,100.0,200.0,300.0,500.0,700.0,1000.0]"),
    "quartic": ("space.x_max=24.0", "space.points=112", "time.end=400.0",
                "output.snapshots_at=[0.0,5.0,10.0,20.0,50.0,100.0,200.0,300.0,400.0]"),
}  # fmt: skip
#: what counts as late
LATE = 4000.0
COUNT = {"quick": (16, 400), "full": (64, 1500)}
#: blocks of rows that become one dot
BLOCKS = 40


def parts(tier: str) -> list[Part]:
    found, (count, gibbs) = [], COUNT[tier]
    md = (*BASE, "space.x_max=70.0", "md.ring=200.0", "md.step=0.1")
    long = ("time.end=6000.0", "output.series_every=7.0",
            "output.snapshots_at=[0.0,300.0,1000.0,3000.0,4000.0,5000.0,6000.0]")  # fmt: skip
    still = ("time.end=1.0", "output.series_every=1.0", "output.snapshots_at=[]", "md.equilibrate=true",
             "state.boost=0.0")  # fmt: skip
    for name, (trap, beta) in TRAPS.items():
        dynamics = (*md, *long, trap, f"md.realisations={count}")
        found.append(Part(f"traps_{name}_md_{tier}", "md", "trap_quench", dynamics, 0.9 * count))
        thermal = (*md, *still, trap, beta, f"md.realisations={gibbs}")
        found.append(Part(f"traps_{name}_gibbs_{tier}", "md", "trap_quench", thermal, 0.03 * gibbs))
        if tier == "full":
            theory = (*BASE, *THEORY[name], trap, "mesh.theta_points=96", "output.series_every=10.0",
                      "flow.diffusion=true")  # fmt: skip
            found.append(Part(f"traps_{name}_theory", "flow", "trap_quench", theory, 150.0))
    return found


def _energies(result: Result) -> Array:
    """Of each realisation at the start, (R,)."""
    return np.asarray(0.5 * result.samples["powers"][:, 0, 1] + result.samples["trap"][:, 0])


def gibbs_kurtosis(gibbs: Result, dynamics: Result) -> tuple[float, float]:
    """Kurtosis of the rapidities in equilibrium at the energies of ``dynamics``, and its standard error.

    Realisations of exp(-beta H) are weighted by the ratio of the two distributions of the energy, taken as normal: at a
    fixed energy of few rods the kurtosis is not that of a Gaussian, 0.
    """
    energy, start = _energies(gibbs), _energies(dynamics)

    def density(ensemble: Array) -> Array:
        return np.exp(-0.5 * ((energy - ensemble.mean()) / ensemble.std()) ** 2) / ensemble.std()

    weight = density(start) / density(energy)
    weight /= weight.sum()
    second, fourth = (gibbs.samples["powers"][:, 0, p] / int(gibbs.attributes["particles"]) for p in (1, 3))
    one, two = float(weight @ second), float(weight @ fourth)
    slope = (fourth - two) / one**2 - 2.0 * two / one**3 * (second - one)
    return two / one**2 - 3.0, float(np.sqrt((weight**2 * slope**2).sum()))


def analyse(results: Results) -> Findings:
    found, (fig, (left, right)) = Findings(), axes(2)
    for name, colour in zip(TRAPS, COLOURS, strict=False):
        dynamics, gibbs = named(results, f"traps_{name}_md"), named(results, f"traps_{name}_gibbs")
        k, t = statistics.kurtosis(dynamics), dynamics.series["t"]
        late = t >= LATE
        value, error = k.combined(late / late.sum())
        thermal, uncertain = gibbs_kurtosis(gibbs, dynamics)
        apart = float(np.hypot(error, uncertain))
        what = f"{name} trap: kurtosis from t = {LATE:g} on, dynamics less the Gibbs state at its energies"
        if name == "quartic":
            found.expect("trap_thermal", what, value - thermal, 0.0, apart)
        else:
            found.expect(
                "trap_nonthermal", f"{what}: what is short of three standard errors",
                max(0.0, 3.0 - abs(value - thermal) / apart), 0.0,
            )  # fmt: skip
        numbers = {"dynamics": (value, error), "Gibbs": (thermal, uncertain)}
        found.table += [
            {"what": f"{name} trap: late kurtosis, {kind} (error {bar:.3f})", "value": v}
            for kind, (v, bar) in numbers.items()
        ]
        blocks = np.array_split(np.flatnonzero(t > 50.0), BLOCKS)
        weights = [np.isin(np.arange(t.size), block) / block.size for block in blocks]
        points = np.array([(t[block].mean(), *k.combined(w)) for block, w in zip(blocks, weights, strict=True)])
        dots(left, *points.T, color=colour, label=f"{name}, dynamics")
        left.axhline(thermal, color=colour, ls=":", lw=0.8)
        theory = results.get(f"traps_{name}_theory")
        if theory is not None:
            curve = [kurtosis(theory.mesh["theta"], rho.sum(axis=0)) for rho in theory.snapshots["rho"]]
            left.plot(theory.snapshots["t"][1:], curve[1:], color=colour, lw=0.8, label="layer 1 with diffusion")
            found.expect("flow_thermal", f"{name} trap: kurtosis at the end of layer 1 with diffusion", curve[-1], 0.0)
        _distribution(right, dynamics, name, colour)
    left.set(xlabel="$t$", ylabel="kurtosis", xscale="log")
    left.legend(frameon=False, fontsize=7)
    right.set(xlabel=r"$\theta/\theta_{\rm rms}$", ylabel="late distribution", yscale="log", ylim=(1e-3, 1.0))
    right.legend(frameon=False, fontsize=7)
    found.figures["traps"] = fig
    return found


def _distribution(ax: Any, dynamics: Result, name: str, colour: str) -> None:
    """Rapidities at the late snapshots against a Gaussian of the same variance."""
    theta, late = dynamics.mesh["theta"], dynamics.snapshots["t"] >= LATE
    p = dynamics.snapshots["rho"][late].sum(axis=(0, 1))
    p = p / p.sum() / (theta[1] - theta[0])
    rms = float(np.sqrt((p @ theta**2) / p.sum()))
    ax.plot(theta / rms, p * rms, ".", ms=3, color=colour, label=name)
    ax.plot(theta / rms, np.exp(-0.5 * (theta / rms) ** 2) / np.sqrt(2.0 * np.pi), color="grey", lw=0.6)


STUDY = Study(
    "traps",
    "Rods alone in a quadratic and in a quartic trap",
    "Sixteen rods without V, split as for a Newton's cradle. Dotted: the Gibbs state at the energies of the ensemble. "
    "Dynamics go there in the quartic trap and away from it in the quadratic one (arXiv:2306.11713); layer 1 with the "
    "diffusion of the local state goes thermal in both, so that it is wrong in a quadratic trap at late times.",
    parts,
    analyse,
)
