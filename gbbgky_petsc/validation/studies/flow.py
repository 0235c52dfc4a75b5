"""Layer 1 in space against exact dynamics of rods in the same trap."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gbbgky_petsc.analysis.plots import axes
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies.common import Findings, Results, Study, drift, named

#: split clouds of the same twelve rods
CLOUDS = {"alone": ("V = 0", ("potential.strength=0.0",)), "force": ("V0 = 1", ())}
#: realisations by tier, and how far the quick one goes: a period
COUNT = {"quick": 300, "full": 1500}
SHORT = ("time.end=62.8", "output.snapshots_at=[0.0, 15.7, 31.4, 62.8]")
#: rods in a cell above which an error bar from counts means something
COUNTS = 20


def parts(tier: str) -> list[Part]:
    found, count, short = [], COUNT[tier], SHORT if tier == "quick" else ()
    for name, (_, settings) in CLOUDS.items():
        both = (*settings, *short)
        found.append(Part(f"flow_{name}_theory_{tier}", "flow", "trap_quench", both, 12.0))
        found.append(
            Part(f"flow_{name}_md_{tier}", "md", "trap_quench", (*both, f"md.realisations={count}"), 0.06 * count)
        )
    if tier == "full":
        settings = ("potential.strength=0.0", "flow.diffusion=true")
        found.append(Part("flow_alone_diffusion_full", "flow", "trap_quench", settings, 20.0))
        found.append(Part("flow_ten_periods_full", "flow", "cradle", ("flow.collisions=none",), 90.0))
    return found


@dataclass(frozen=True)
class Profile:
    """One profile at one time.

    Attributes
    ----------
    axis, theory, seen, bar : (M,)
        Place or rapidity, layer 1, dynamics and its standard error.
    use : (M,) bool
        Where enough rods were seen.
    """

    t: float
    name: str
    axis: Array
    theory: Array
    seen: Array
    bar: Array
    use: Array

    @property
    def _squares(self) -> tuple[Array, Array]:
        """Squares of the difference and of the error bars, where enough rods were seen."""
        return ((self.theory - self.seen) ** 2)[self.use], (self.bar**2)[self.use]

    @property
    def per_point(self) -> float:
        """chi^2 per point."""
        apart, bars = self._squares
        return float((apart / bars).mean())

    @property
    def beyond(self) -> float:
        """Root mean square of the difference less that of the error bars, over the maximum."""
        apart, bars = self._squares
        return float(np.sqrt(max(0.0, (apart - bars).mean())) / self.theory.max())

    @property
    def noise(self) -> float:
        """What three standard deviations of the statistics make of `beyond` where nothing is."""
        _, bars = self._squares
        deviation = np.sqrt(2.0 * (bars**2).sum()) / bars.size
        return float(np.sqrt(3.0 * deviation) / self.theory.max())


def profiles(theory: Result, dynamics: Result) -> Iterator[Profile]:
    """Density and rapidity distribution at every snapshot, which both have at the same times.

    The errors of the rapidity distribution are those of its cells, added as independent.
    """
    x, theta, runs = theory.mesh["x"], theory.mesh["theta"], dynamics.samples["realisation"].size
    h, weight = float(x[1] - x[0]), float(theta[1] - theta[0])
    ours, theirs = theory.snapshots, dynamics.snapshots
    np.testing.assert_allclose(theirs["t"], ours["t"])
    for i, t in enumerate(ours["t"]):
        seen, bar = theirs["density"][i], theirs["density_stderr"][i]
        yield Profile(float(t), "density", x, ours["density"][i], seen, bar, seen * h * runs > COUNTS)
        seen, bar = h * theirs["rho"][i].sum(axis=0), h * np.sqrt((theirs["rho_stderr"][i] ** 2).sum(axis=0))
        summed = h * ours["rho"][i].sum(axis=0)
        yield Profile(float(t), "rapidities", theta, summed, seen, bar, seen * weight * runs > COUNTS)


def compare(found: Findings, label: str, theory: Result, dynamics: Result) -> list[Profile]:
    """Expect of every profile that layer 1 and dynamics agree."""
    pairs = list(profiles(theory, dynamics))
    for p in pairs:
        what = f"{label}: {p.name} at t = {p.t:g}"
        name = f"{what}, difference beyond the error bars over the maximum"
        found.expect("flow_profile", name, p.beyond, 0.0, more=p.noise)
        found.table.append({"what": f"{what}, chi^2 per point ({p.use.sum()})", "value": p.per_point})
    for name in ("width", "rapidity_width"):
        _compare_width(found, label, name, theory, dynamics)
    return pairs


def _compare_width(found: Findings, label: str, name: str, theory: Result, dynamics: Result) -> None:
    """Expect little of the largest relative difference of a column, at the rows that both have."""
    t = theory.series["t"]
    place = np.searchsorted(t, dynamics.series["t"] - 1e-9 * t[-1])
    both = np.abs(t[place] - dynamics.series["t"]) < 1e-9 * t[-1]
    ours, seen = theory.series[name][place[both]], dynamics.series[name][both]
    bars = dynamics.series[f"{name}_stderr"][both] / ours
    apart = seen / ours - 1.0
    i = int(np.argmax(np.abs(apart)))
    what = f"{label}: {name.replace('_', ' ')}, dynamics over layer 1 less one"
    found.expect("flow_width", f"{what}, largest of {apart.size} rows", apart[i], 0.0, bars[i])
    found.table.append({"what": f"{what}, root mean square", "value": float(np.sqrt((apart**2).mean()))})


def analyse(results: Results) -> Findings:
    found, (fig, panels) = Findings(), axes(4, 3.6)
    for left, right, (name, (label, _)) in zip(panels[::2], panels[1::2], CLOUDS.items(), strict=True):
        theory, dynamics = named(results, f"flow_{name}_theory"), named(results, f"flow_{name}_md")
        _conserved(found, label, theory)
        for i, p in enumerate(compare(found, label, theory, dynamics)):
            ax, colour = (left, right)[i % 2], f"C{i // 2 % 6}"
            thin = np.flatnonzero(p.use)[::2]
            ax.plot(p.axis, p.theory, color=colour, lw=1.0)
            ax.errorbar(
                p.axis[thin], p.seen[thin], p.bar[thin], fmt=".", ms=2, lw=0.6, color=colour, label=f"t = {p.t:g}"
            )
        left.set(xlabel="$x$", ylabel=r"$\int\rho\,d\theta$", title=label)
        right.set(xlabel=r"$\theta$", ylabel=r"$\int\rho\,dx$", title=label)
        right.legend(frameon=False, fontsize=7)
    if "flow_alone_diffusion_full" in results:
        for p in profiles(results["flow_alone_diffusion_full"], named(results, "flow_alone_md")):
            what = f"V = 0, with diffusion: {p.name} at t = {p.t:g}, chi^2 per point"
            found.table.append({"what": what, "value": p.per_point})
        _conserved(found, "cradle without collisions, ten periods", results["flow_ten_periods_full"])
    found.figures["flow"] = fig
    return found


def _conserved(found: Findings, label: str, result: Result) -> None:
    """Number, energy and, at Euler order, entropy all the time against the start."""
    for key, name in (("flow_number", "number"), ("flow_energy", "total_energy"), ("flow_entropy", "entropy")):
        found.expect(key, f"{label}: change of {name.replace('_', ' ')}", drift(result, name), 0.0)


STUDY = Study(
    "flow",
    "States in space: a split cloud of rods in a trap",
    "Lines: layer 1 at Euler order; dots: molecular dynamics of twelve rods. Layer 1 leaves out correlations between "
    "places, of relative order one over the number of rods here.",
    parts,
    analyse,
)
