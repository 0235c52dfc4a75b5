"""Map of validity of the collision integrals from weak to strong coupling, against exact dynamics."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from gbbgky_petsc import problem
from gbbgky_petsc.analysis import plots
from gbbgky_petsc.arrays import Array
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.encounters import encounter_rate
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies.common import Findings, Results, Study

#: kinetic energy per particle of the initial state
ENERGY = 0.6
#: growth of the kurtosis, as encounters of three predict it, over which a rate is measured
GROWTH = 0.12
#: the window opens when a quasiparticle of velocity 1 has crossed so many ranges
FAST = 20.0
#: agreement asked of the weakest points, grey in the picture
WITHIN = 0.15
#: rows of /series within a run
ROWS = 40
#: rods of all rings of either sign, up to a coupling V0 rho/E: what a run of minutes can do
RODS = {0.05: 6000, 0.1: 7000, 0.2: 10000, 0.5: 20000, np.inf: 40000}
SIGNS = {"repulsive": 1.0, "attractive": -1.0}
KINDS = {
    "finite_length": "encounters of three rods of finite length",
    "three_body": "encounters of three",
    "landau": "eq. (10)",
}
#: settings of each
SETTINGS = {
    "finite_length": ("kinetic.kind=coherent", "kinetic.finite_length=true"),
    "three_body": ("kinetic.kind=three_body",),
    "landau": ("kinetic.kind=landau",),
}
#: the quick tier's only strength and the rings of either sign there
QUICK_STRENGTH, QUICK_RINGS = 0.5, 60


@dataclass(frozen=True)
class Line:
    """A line of the map: everything but the strength is fixed.

    Parameters
    ----------
    name
        Name in the names of its parts.
    exponent
        Of phi = 1/(1 + |x|^p); 0 for phi = exp(-x^2/2).
    length, density, range
        a, rho and xi.
    strengths
        |V0| of its points, the weakest first.
    particles
        Rods of a ring.
    rate
        Initial d kurtosis/dt of encounters of three at V0 = 1, to plan the durations only.
    step
        Of the integrator up to V0 = 1; half of it beyond.
    """

    name: str
    exponent: int
    length: float
    density: float
    range: float
    strengths: tuple[float, ...]
    particles: int
    rate: float
    step: float = 0.6

    @property
    def settings(self) -> tuple[str, ...]:
        """Overrides of the case but for the strength; slow tails in k take a larger tolerance of the force."""
        power = ("potential.kind=power", f"potential.exponent={self.exponent}", "md.force_tolerance=0.001")
        numbers = (f"model.length={self.length}", f"state.density={self.density}", f"potential.range={self.range}")
        return (*(power if self.exponent else ()), *numbers)

    @property
    def label(self) -> str:
        shape = rf"$\phi_{self.exponent}$" if self.exponent else "Gaussian"
        return rf"{shape}, $a\bar\rho={self.share:g}$, $a/\xi={self.ratio:.3g}$"

    @property
    def share(self) -> float:
        """a rho."""
        return round(self.length * self.density, 12)

    @property
    def ratio(self) -> float:
        """a/xi."""
        return self.length / self.range

    def coupling(self, strength: float) -> float:
        """V0 rho/E."""
        return strength * self.density / ENERGY

    def end(self, strength: float) -> float:
        """End of a run, two digits: the growth `GROWTH` after the window has opened."""
        return float(f"{FAST * self.range + GROWTH / (self.rate * strength**2):.1e}")

    def rings(self, strength: float) -> int:
        """Rings of either sign: more where they are cheap."""
        rods = next(rods for limit, rods in RODS.items() if self.coupling(strength) < limit)
        return rods // self.particles

    def dynamics(self, strength: float, tier: str) -> dict[str, Part]:
        """Molecular dynamics of both signs, from the same initial rings."""
        end, rings = self.end(strength), self.rings(strength) if tier == "full" else QUICK_RINGS
        step = self.step if strength <= 1.0 else 0.5 * self.step
        cost = (1.3e-7 if self.exponent else 0.8e-7) * self.particles * rings * end / step
        found = {}
        for sign, factor in SIGNS.items():
            settings = (
                *self.settings, f"potential.strength={factor * strength}", f"time.end={end}",
                f"output.series_every={end / ROWS}", f"md.particles={self.particles}", f"md.realisations={rings}",
                f"md.step={step}",
            )  # fmt: skip
            found[sign] = Part(f"validity_{self.name}_{strength:g}_{sign}_md_{tier}", "md", "validity", settings, cost)
        return found

    def next_orders(self, strength: float, tier: str) -> dict[str, Part]:
        """Rods of finite length with the second order in V, of both signs."""
        end = self.end(strength)
        common = (*self.settings, f"time.end={end}", f"output.series_every={end / ROWS}", *SETTINGS["finite_length"])
        name = f"validity_{self.name}_{strength:g}_{{}}_second_{tier}"
        return {
            sign: Part(
                name.format(sign), "kinetic", "validity",
                (*common, f"potential.strength={factor * strength}", "kinetic.second_order=true"), 8.0,
            )
            for sign, factor in SIGNS.items()
        }  # fmt: skip

    def theory(self, strengths: tuple[float, ...], tier: str) -> dict[str, Part]:
        """The integrals of `KINDS` at V0 = 1; they are proportional to V0^2, which only changes the clock."""
        end = max(self.end(strength) * strength**2 for strength in strengths)
        common = (*self.settings, "potential.strength=1.0", f"time.end={end}", f"output.series_every={end / 400}")
        return {
            kind: Part(f"validity_{self.name}_{kind}_{tier}", "kinetic", "validity", (*common, *SETTINGS[kind]), 8.0)
            for kind in KINDS
        }


LINES = (
    Line("base", 0, 1.0, 0.2, 8.0, (0.125, 0.25, 0.5, 1.0, 2.0, 4.0), 100, 4.0e-5),
    Line("short", 0, 0.5, 0.2, 8.0, (0.25, 0.5, 1.0, 2.0), 100, 1.4e-5),
    Line("long", 0, 1.5, 0.2, 8.0, (0.125, 0.25, 0.5, 1.0, 2.0), 100, 6.1e-5),
    Line("dilute", 0, 1.0, 0.1, 8.0, (0.25, 0.5, 1.0, 2.0, 4.0), 80, 1.45e-5),
    Line("long_dilute", 0, 1.5, 0.1, 8.0, (0.25, 0.5, 1.0, 2.0, 4.0), 80, 2.65e-5),
    Line("dense", 0, 1.0, 0.4, 8.0, (0.125, 0.25, 0.5, 1.0, 2.0), 100, 6.8e-5),
    Line("tail", 3, 1.0, 0.2, 8.0, (0.125, 0.25, 0.5, 1.0, 2.0), 80, 5.5e-5),
    Line("phi6_short", 6, 0.5, 0.2, 10.0, (0.25, 0.5, 1.0, 2.0), 80, 3.85e-5),
    Line("phi6", 6, 1.0, 0.2, 10.0, (0.125, 0.25, 0.5, 1.0, 2.0), 80, 1.08e-4),
)
BASE = LINES[0]
#: the base once more on rings of a quarter, for the correction of finite N, and with a third of the step
SMALL_RINGS = replace(BASE, name="rings", strengths=(1.0,), particles=25)
FINE_STEP = replace(BASE, name="step", strengths=(1.0,), step=0.2)
REPEATS = {
    SMALL_RINGS: ("ring_correction", "on rings of 25 rods, corrected for finite N"),
    FINE_STEP: ("step", "with steps of 0.2"),
}
PANELS = {
    "rod lengths": ("short", "base", "long", "long_dilute"),
    "densities": ("dilute", "base", "dense"),
    "potentials": ("base", "tail", "phi6_short", "phi6"),
}


def parts(tier: str) -> list[Part]:
    if tier != "full":
        wanted = (BASE.theory((QUICK_STRENGTH,), tier), BASE.next_orders(QUICK_STRENGTH, tier))
        return [part for found in (*wanted, BASE.dynamics(QUICK_STRENGTH, tier)) for part in found.values()]
    theory = [
        part
        for line in LINES
        for found in (line.theory(line.strengths, tier), line.next_orders(line.strengths[0], tier))
        for part in found.values()
    ]
    points = [(line, strength) for line in (*LINES, *REPEATS) for strength in line.strengths]
    # cheap ones first, so that a campaign cut short has the strong couplings of every line
    points.sort(key=lambda point: -point[0].coupling(point[1]))
    return theory + [part for line, strength in points for part in line.dynamics(strength, tier).values()]


def triples(particles: int) -> float:
    """Rate of encounters of three on a ring of N rods over that of the infinite system at the same density.

    A rod has (N-1)(N-2)/2 pairs of others on the ring, not N^2/2. The kurtosis of rings of fixed energy ends short by
    the same 3/N of its way, see `statistics.finite_size_bias`.
    """
    return (1.0 - 1.0 / particles) * (1.0 - 2.0 / particles)


@dataclass(frozen=True)
class Point:
    """Rates of dynamics over those of the theories at one strength; value and standard error each."""

    line: Line
    strength: float
    over: dict[str, dict[str, tuple[float, float]]]  #: by theory, then by sign or 'mean'
    odd: tuple[float, float]  #: (attractive - repulsive)/(2 mean)
    energy_error: float  #: largest rms energy error per particle
    window: tuple[float, float]

    @property
    def coupling(self) -> float:
        return self.line.coupling(self.strength)


def _slope(line: Line, t: Array) -> Array:
    """Weights of the rows t in the least-squares slope behind the fast stage, (rows,)."""
    inside = t >= FAST * line.range
    weights = np.zeros(t.size)
    weights[inside] = statistics.slope_weights(t[inside])
    return weights


def point(line: Line, strength: float, dynamics: dict[str, Result], theory: dict[str, Result]) -> Point:
    """Least-squares slopes of the kurtosis over the same rows of dynamics and theory."""
    t = dynamics["repulsive"].series["t"]
    weights = _slope(line, t)
    half = np.array([0.5, -0.5])  # of attractive, repulsive
    signs = {sign: statistics.kurtosis(result) for sign, result in dynamics.items()}
    rates = {sign: estimate.combined(weights) for sign, estimate in signs.items()}
    rates["mean"] = statistics.kurtosis(*dynamics.values()).combined(weights)
    # pseudo-values of both signs share their initial rings: var(difference) = 2 var(1) + 2 var(2) - 4 var(mean)
    difference = half @ [rates["attractive"][0], rates["repulsive"][0]]
    variance = 0.5 * (rates["attractive"][1] ** 2 + rates["repulsive"][1] ** 2) - rates["mean"][1] ** 2
    odd = (float(difference / rates["mean"][0]), float(np.sqrt(max(variance, 0.0)) / abs(rates["mean"][0])))
    over = {}
    for kind, result in theory.items():
        unit = triples(line.particles) * float(weights @ _clocked(result, t, strength))
        over[kind] = {name: (value / unit, error / unit) for name, (value, error) in rates.items()}
    worst = max(float(result.series["energy_error_rms"].max()) for result in dynamics.values())
    return Point(line, strength, over, odd, worst, (float(t[weights != 0.0][0]), float(t[-1])))


@dataclass(frozen=True)
class NextOrders:
    """Rates of the kurtosis, mean of both signs, over that of three rods of finite length at first order in V."""

    line: Line
    strength: float
    second: float  #: what the second order in V adds
    four: tuple[float, float]  #: encounters of four rods at first order, with the error of their Monte Carlo sum

    def over(self, p: Point) -> tuple[float, float]:
        """Dynamics over the sum of these orders."""
        value, error = p.over["finite_length"]["mean"]
        total = 1.0 + self.second + self.four[0]
        return value / total, error / total


def next_orders(line: Line, strength: float, second: dict[str, Result], first: Result) -> NextOrders:
    """Of a point: the second order over the same rows, encounters of four in the initial state."""
    t = second["repulsive"].series["t"]
    weights = _slope(line, t)
    with_second = 0.5 * sum(float(weights @ result.series["kurtosis"]) for result in second.values())
    p = problem.build(first.case, Path())
    three, four = (encounter_rate(p.potential, line.length, p.mesh.theta, p.rho, rods) for rods in (3, 4))
    share = four[0] / three[0]
    error = share * float(np.hypot(three[1] / three[0], four[1] / four[0]))
    return NextOrders(line, strength, with_second / float(weights @ _clocked(first, t, strength)) - 1.0, (share, error))


def _clocked(result: Result, t: Array, strength: float) -> Array:
    """Kurtosis at times t for another V0 than that of the result."""
    s, unit = result.series, result.case.potential.strength
    return np.interp(t * (strength / unit) ** 2, s["t"], s["kurtosis"])


def _tier(results: Results) -> str:
    return "full" if any(name.endswith("_full") for name in results) else "quick"


def _present(wanted: dict[str, Part], results: Results) -> dict[str, Result]:
    return {key: results[part.name] for key, part in wanted.items() if part.name in results}


def points(results: Results) -> dict[str, list[Point]]:
    """What there is of every line, the weakest coupling first."""
    tier = _tier(results)
    found: dict[str, list[Point]] = {}
    for line in (*LINES, *REPEATS):
        strengths = line.strengths if tier == "full" else (QUICK_STRENGTH,)
        base = BASE if line in REPEATS else line
        theory = _present(base.theory(strengths, tier), results)
        for strength in strengths:
            dynamics = _present(line.dynamics(strength, tier), results)
            if len(theory) == len(KINDS) and len(dynamics) == len(SIGNS):
                found.setdefault(line.name, []).append(point(line, strength, dynamics, theory))
    return found


def analyse(results: Results) -> Findings:
    found, lines = Findings(), points(results)
    tier = _tier(results)
    for line in LINES:
        if line.name not in lines:
            continue
        for p in lines[line.name]:
            found.table += _numbers(p)
        weakest = lines[line.name][0]
        second = _present(line.next_orders(weakest.strength, tier), results)
        if len(second) == len(SIGNS):
            first = line.theory(line.strengths, tier)["finite_length"]
            orders = next_orders(line, weakest.strength, second, results[first.name])
            value, error = orders.over(weakest)
            what = f"{_words(weakest)}: rate of dynamics (mean of both signs of V0) over that of all encounters known"
            found.expect("validity", what, value, 1.0, error)
            found.table += _orders(weakest, orders)
    for line, (key, what) in REPEATS.items():
        if line.name in lines:
            again = lines[line.name][0]
            before = next(p for p in lines[BASE.name] if p.strength == again.strength)
            (value, error), (expected, other) = again.over["three_body"]["mean"], before.over["three_body"]["mean"]
            found.expect(key, f"{_words(again)}: the same {what}", value, expected, float(np.hypot(error, other)))
    found.figures["validity"] = _curves(lines)
    found.figures["validity_map"] = _map(lines)
    return found


def _words(p: Point) -> str:
    line = p.line
    shape = f"1/(1+|x|^{line.exponent})" if line.exponent else "Gaussian"
    return f"{shape}, a = {line.length:g}, rho = {line.density:g}, xi = {line.range:g}, |V0| = {p.strength:g}"


def _numbers(p: Point) -> list[dict[str, object]]:
    """Rows of the table, with everything that a program needs to draw the map beside what a reader does."""
    line = p.line
    where = {
        "line": line.name, "exponent": line.exponent, "length": line.length, "density": line.density,
        "range": line.range, "strength": p.strength, "coupling": p.coupling, "window": p.window,
        "particles": line.particles, "energy_error_rms": p.energy_error,
    }  # fmt: skip
    rows = [
        {
            "what": f"{_words(p)}: {name}, dynamics over {KINDS[kind]} (error {error:.2g})",
            "value": value, "error": error, "theory": kind, "sign": name, **where,
        }
        for kind, ratios in p.over.items()
        for name, (value, error) in ratios.items()
    ]  # fmt: skip
    value, error = p.odd
    what = f"{_words(p)}: odd part, attractive minus repulsive over twice the mean (error {error:.2g})"
    return [*rows, {"what": what, "value": value, "error": error, "sign": "odd", **where}]


def _orders(p: Point, orders: NextOrders) -> list[dict[str, object]]:
    """Rows of the table: what the second order in V and encounters of four add at the weakest point of a line."""
    where = {"line": p.line.name, "strength": p.strength, "coupling": p.coupling}
    share, error = orders.four
    value, spread = orders.over(p)
    return [
        {"what": f"{_words(p)}: second order in V over three rods", "value": orders.second, "order": "second", **where},
        {
            "what": f"{_words(p)}: encounters of four over those of three (error {error:.2g})",
            "value": share, "error": error, "order": "four", **where,
        },
        {
            "what": f"{_words(p)}: dynamics over the sum of all (error {spread:.2g})",
            "value": value, "error": spread, "order": "sum", **where,
        },
    ]  # fmt: skip


def _curves(lines: dict[str, list[Point]]) -> Figure:
    """Rates of dynamics over those of the theories against V0 rho/E, a column for what varies."""
    plots.style()
    fig, axes = plt.subplots(len(KINDS), 3, figsize=(11.5, 11.0), sharex=True, sharey="row", layout="constrained")
    for column, (title, names) in enumerate(PANELS.items()):
        for ax, kind in zip(axes[:, column], KINDS, strict=True):
            ax.axhspan(1.0 - WITHIN, 1.0 + WITHIN, color="0.93", lw=0)
            ax.axhline(1.0, color="0.6", lw=0.7)
            ax.set(xscale="log", yscale="log")
            drawn = [name for name in names if name in lines]
            for place, name in enumerate(drawn):
                colour = "black" if name == BASE.name else f"C{place}"
                _curve(ax, lines[name], kind, colour, 1.0 + 0.04 * (place - 0.5 * (len(drawn) - 1)))
            for axis, ticks in (
                (ax.xaxis, (0.05, 0.1, 0.2, 0.5, 1.0)),
                (ax.yaxis, (0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0)),
            ):
                axis.set_major_locator(FixedLocator(ticks))
                axis.set_major_formatter("{x:g}")
                axis.set_minor_locator(NullLocator())
        axes[0, column].set_title(title)
        axes[-1, column].legend(frameon=False, fontsize=7.5, loc="lower right")
        axes[-1, column].set_xlabel(r"$|V_0|\bar\rho/E$")
    for row, kind in enumerate(KINDS):
        axes[row, 0].set_ylabel(f"rate of dynamics over\n{KINDS[kind]}")
    axes[-1, 0].set_ylim(bottom=0.08)
    return fig


def _curve(ax: Any, line: list[Point], kind: str, colour: str, shift: float) -> None:
    """Mean of both signs as a line with errors, the signs as triangles; ``shift`` keeps lines of a panel apart."""
    g = shift * np.array([p.coupling for p in line])
    value, error = np.array([p.over[kind]["mean"] for p in line]).T
    ax.errorbar(g, value, error, fmt="o-", ms=4, lw=1.2, capsize=2, color=colour, label=line[0].line.label)
    for sign, marker in (("repulsive", "^"), ("attractive", "v")):
        value, error = np.array([p.over[kind][sign] for p in line]).T
        ax.errorbar(g, value, error, fmt=marker, ms=3.5, lw=0.6, mfc="none", color=colour, alpha=0.6)


def _map(lines: dict[str, list[Point]]) -> Figure:
    """A row for each line, a column for each coupling: mean of both signs (error), attractive and repulsive below."""
    shown = sorted((line for line in LINES if line.name in lines), key=lambda line: (line.share, line.ratio))
    columns = sorted({round(p.coupling, 6) for line in shown for p in lines[line.name]})
    size = (2.0 + 0.95 * len(KINDS) * len(columns), 1.4 + 0.5 * len(shown))
    fig, axes = plt.subplots(1, len(KINDS), figsize=size, sharey=True, layout="constrained")
    for ax, (kind, name) in zip(axes, KINDS.items(), strict=True):
        cells = np.full((len(shown), len(columns)), np.nan)
        for row, line in enumerate(shown):
            for p in lines[line.name]:
                column = columns.index(round(p.coupling, 6))
                ratios = p.over[kind]
                (value, error), up, down = ratios["mean"], ratios["repulsive"][0], ratios["attractive"][0]
                cells[row, column] = np.log2(value)
                bold = "bold" if abs(value - 1.0) <= WITHIN else "normal"
                ax.text(column, row - 0.15, f"{value:.2f}({100 * error:.0f})", ha="center", va="center", weight=bold)
                ax.text(column, row + 0.22, f"{down:.2f} / {up:.2f}", ha="center", va="center", fontsize=6.5)
        image = ax.imshow(cells, cmap="RdBu", vmin=-2.0, vmax=2.0, aspect="auto", alpha=0.7)
        ax.set_xticks(range(len(columns)), [f"{g:.2g}" for g in columns])
        ax.set_yticks(range(len(shown)), [line.label for line in shown])
        ax.set(xlabel=r"$|V_0|\bar\rho/E$", title=f"rate of dynamics over {name}")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    bar = fig.colorbar(image, ax=axes, fraction=0.02, ticks=(-2, -1, 0, 1, 2))
    bar.ax.set_yticklabels(["1/4", "1/2", "1", "2", "4"])
    return fig


STUDY = Study(
    "validity",
    "Where encounters of three hold",
    "Rate of the kurtosis after the fast stage, dynamics over theory, from weak to strong coupling. Dots: mean of both "
    "signs of V0; triangles up: repulsion, down: attraction; grey: 15 %. From above: encounters of three rods of "
    "finite length, encounters of three, eq. (10). In the map the mean of both signs (error of its last digits), bold "
    "within 15 %; below attraction / repulsion. docs/validity.md.",
    parts,
    analyse,
)
