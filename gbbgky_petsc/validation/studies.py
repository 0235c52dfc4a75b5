"""The studies of a validation: which parts each needs, what it compares, what it draws."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from gbbgky_petsc.analysis.compare import low_pass
from gbbgky_petsc.analysis.plots import axes, dots
from gbbgky_petsc.physics.potential import Potential
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.expectations import EXPECTED
from gbbgky_petsc.validation.parts import Part

Results = Mapping[str, Result]


@dataclass(frozen=True)
class Check:
    """One comparison: passed if |value - expected| <= allowed."""

    name: str
    value: float
    error: float
    expected: float
    allowed: float
    reason: str

    @property
    def z(self) -> float | None:
        """Deviation in standard errors, where there is one."""
        return (self.value - self.expected) / self.error if self.error > 0.0 else None

    @property
    def passed(self) -> bool:
        return abs(self.value - self.expected) <= self.allowed


@dataclass
class Findings:
    """What a study found: checks, numbers that nothing is expected of, figures."""

    checks: list[Check] = field(default_factory=list)
    table: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)

    def expect(
        self,
        key: str,
        name: str,
        value: float,
        expected: float,
        error: float = 0.0,
        scale: float = 1.0,
        more: float = 0.0,
    ) -> None:
        """Check a value against its entry in the table; ``scale`` multiplies the tolerance, ``more`` adds to it."""
        rule = EXPECTED[key]
        allowed = rule.sigmas * error + scale * rule.tolerance + more
        self.checks.append(Check(name, float(value), float(error), float(expected), float(allowed), rule.reason))


@dataclass(frozen=True)
class Study:
    """A question, the parts that answer it by tier, and how."""

    name: str
    title: str
    text: str
    parts: Callable[[str], list[Part]]
    analyse: Callable[[Results], Findings]


def potential_of(result: Result) -> Potential:
    """Pair potential of the case behind a result."""
    return result.case.potential.build(Path())


def at(result: Result, t: float, name: str = "kurtosis") -> float:
    """A column of /series at a time, linear between rows."""
    return float(np.interp(t, result.series["t"], result.series[name]))


def row(result: Result, t: float) -> int:
    """Index of the row of /series nearest to a time."""
    return int(np.argmin(np.abs(result.series["t"] - t)))


# --- Fig. 2(a) and (b) ---


#: end of the fast stage of Fig. 2, a few xi/v
FAST_END = 100.0
#: time of the snapshot from which the kinetic equation takes over
KINETIC_FROM = {"fig2_phi6": 1000.0, "fig2_phi3": 500.0}


def fig2_parts(tier: str) -> list[Part]:
    quick = ("mesh.name=quick",)
    full = tier == "full"
    parts = []
    for case, samples, cost in (("fig2_phi6", 160, 170.0), ("fig2_phi3", 160, 60.0)):
        count = 1000 if full else samples
        parts += [
            Part(f"{case}_theory_{tier}", "run", case, () if full else quick, 900.0 if full else 45.0),
            Part(f"{case}_printed", "run", case, (*quick, "hierarchy.closure=printed"), 45.0),
            Part(f"{case}_leading", "run", case, (*quick, "hierarchy.order=leading"), 15.0),
            Part(
                f"{case}_kinetic_{tier}",
                "kinetic",
                case,
                (*(() if full else quick), "kinetic.kind=screened"),
                10.0,
                (f"{case}_theory_{tier}", KINETIC_FROM[case]),
            ),
            Part(f"{case}_md_{tier}", "md", case, (f"md.realisations={count}",), cost * count / 250),
        ]
    return parts


def _named(results: Results, start: str) -> Result:
    """The result whose name begins like this, whatever its tier."""
    return next(r for name, r in results.items() if name.startswith(start))


def fig2_analyse(results: Results) -> Findings:
    found = Findings()
    fig, panels = axes(2)
    for ax, case, label in zip(panels, ("fig2_phi6", "fig2_phi3"), ("1/(1+x^6)", "1/(1+|x|^3)"), strict=True):
        theory, dynamics = _named(results, f"{case}_theory"), _named(results, f"{case}_md")
        k, unit = statistics.kurtosis(dynamics), float(theory.attributes["rescaled_time_unit"])
        inset = ax.inset_axes((0.55, 0.1, 0.42, 0.36))
        for result, style in (
            (theory, "-"),
            (_named(results, f"{case}_printed"), "--"),
            (_named(results, f"{case}_leading"), ":"),
        ):
            name = {"-": "full, fluctuation", "--": "full, printed", ":": "leading"}[style]
            ax.plot(result.series["t_rescaled"], result.series["kurtosis"], style, label=name)
            inset.plot(result.series["t_rescaled"], result.series["kinetic_energy"], style)
        kinetic = _named(results, f"{case}_kinetic")
        ax.plot(kinetic.series["t_rescaled"], kinetic.series["kurtosis"], "-.", label="kinetic, screened")
        x = dynamics.series["t_rescaled"]
        dots(ax, x, k.value, k.error, color="black", label="molecular dynamics")
        s = dynamics.series
        dots(inset, x, s["kinetic_energy"], s["kinetic_energy_stderr"], color="black")
        ax.set(xlabel=r"$\bar t$", ylabel="kurtosis", title=rf"$\varphi = {label}$")
        inset.set_title(r"$E_{\rm kin}$", fontsize=8)
        inset.tick_params(labelsize=6)
        compare_kurtosis(found, case, theory, dynamics, k, unit)
        for closure in ("printed", "leading", "kinetic"):
            other = _named(results, f"{case}_{closure}")
            end = float(min(theory.series["t"][-1], other.series["t"][-1]))
            found.table.append(
                {
                    "what": f"{case}: kurtosis at the end, {closure} minus hierarchy",
                    "value": at(other, end) - at(theory, end),
                }
            )
    panels[0].legend(frameon=False, fontsize=7, loc="upper left")
    found.figures["fig2a"] = fig
    found.figures["fig2b"] = fig2b(found, _named(results, "fig2_phi6_theory"), _named(results, "fig2_phi6_md"))
    return found


def compare_kurtosis(
    found: Findings, case: str, theory: Result, dynamics: Result, k: statistics.Estimate, unit: float
) -> None:
    energy = theory.series["total_energy"]
    found.expect("energy_drift", f"{case}: theory, relative energy drift", np.abs(energy / energy[0] - 1.0).max(), 0.0)
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


# --- finite size ---

CIRCUMFERENCES = (500, 1000, 2000)


def size_parts(tier: str) -> list[Part]:
    parts = []
    for ring in CIRCUMFERENCES:
        count = (4000 if tier == "full" else 1000) * 500 // ring
        mesh = (f"mesh.z_max={ring / 2}", "mesh.z_spacing=5.0", f"time.end={FAST_END}", "output.series_every=10.0")
        periodic = ("mesh.name=quick", "hierarchy.boundary=periodic", "output.snapshots_at=[]", *mesh)
        parts.append(Part(f"ring_{ring}_theory", "run", "fig2_phi6", periodic, 4.0 * ring / 500))
        settings = (f"md.ring={ring}.0", f"md.realisations={count}", *periodic)
        parts.append(
            Part(f"ring_{ring}_md_{tier}", "md", "fig2_phi6", settings, 12.0 * count * (ring / 500) ** 2 / 1500)
        )
    return parts


def size_analyse(results: Results) -> Findings:
    found, (fig, (left, right)) = Findings(), axes(2)
    gains, errors, predicted = [], [], []
    for ring in CIRCUMFERENCES:
        theory, dynamics = results[f"ring_{ring}_theory"], _named(results, f"ring_{ring}_md")
        gain, i = statistics.kinetic_gain(dynamics), row(dynamics, FAST_END)
        s = theory.series["kinetic_energy"] - theory.series["kinetic_energy"][0]
        (line,) = left.plot(theory.series["t"], s, label=f"L = {ring}")
        dots(left, dynamics.series["t"], gain.value, gain.error, color=line.get_color())
        k = statistics.kurtosis(dynamics)
        right.plot(theory.series["t"], theory.series["kurtosis"], color=line.get_color())
        dots(right, dynamics.series["t"], k.value, k.error, color=line.get_color())
        found.expect(
            "kinetic_gain",
            f"L = {ring}: gain of kinetic energy at t = {FAST_END:g}",
            gain.value[i],
            s[-1],
            gain.error[i],
        )
        found.table.append(
            {"what": f"L = {ring}: kurtosis at t = {FAST_END:g}, dynamics minus theory (error {k.error[i]:.4f})",
             "value": k.value[i] - at(theory, FAST_END)}
        )  # fmt: skip
        gains.append(gain.value[i])
        errors.append(gain.error[i])
        predicted.append(s[-1])
    found.expect(
        "size_trend", "gain at 2000 over gain at 500", gains[2] / gains[0], predicted[2] / predicted[0],
        gains[2] / gains[0] * float(np.hypot(errors[0] / gains[0], errors[2] / gains[2])),
    )  # fmt: skip
    left.set(xlabel="$t$", ylabel=r"$\Delta E_{\rm kin}$")
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="$t$", ylabel="kurtosis")
    found.figures["finite_size"] = fig
    return found


# --- scaling ---

BASE_RUN = {"strength": 4.0, "range": 20.0, "length": 1.0}
SCANS = {"strength": (2.0, 6.0), "length": (0.7, 1.4), "range": (14.0, 28.0)}
KEYS = {"strength": "potential.strength", "range": "potential.range", "length": "model.length"}
SYMBOLS = {"strength": "V_0", "range": r"\xi", "length": "a"}
WINDOW = (0.04, 0.14)


def scaling_parts(tier: str) -> list[Part]:
    parts = [Part("scaling_base_theory", "run", "scaling", (), 30.0)]
    if tier == "full":
        parts.append(Part("scaling_base_md", "md", "scaling", (), 120.0))
    for name, values in SCANS.items():
        for value in values:
            settings = (f"{KEYS[name]}={value}",)
            parts.append(Part(f"scaling_{name}_{value:g}_theory", "run", "scaling", settings, 30.0))
            if tier == "full":
                parts.append(Part(f"scaling_{name}_{value:g}_md", "md", "scaling", settings, 150.0))
    return parts


def _rate(result: Result) -> tuple[float, float]:
    """d kurtosis/dt over `WINDOW`; its error over realisations for dynamics, 0 for theory."""
    x, t = result.series["t_rescaled"], result.series["t"]
    inside = (x >= WINDOW[0]) & (x <= WINDOW[1])
    weights = np.zeros(t.size)
    weights[inside] = statistics.slope_weights(t[inside])
    if not result.samples:
        return float(weights @ result.series["kurtosis"]), 0.0
    return statistics.kurtosis(result).combined(weights)


def scaling_analyse(results: Results) -> Findings:
    found, (fig, panels) = Findings(), axes(3, 4.0)
    kinds = ["theory"] + (["md"] if "scaling_base_md" in results else [])
    for ax, (name, values) in zip(panels, SCANS.items(), strict=True):
        every = sorted([*values, BASE_RUN[name]])
        rates: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
        for value in every:
            stem = "scaling_base" if value == BASE_RUN[name] else f"scaling_{name}_{value:g}"
            theory = results[f"{stem}_theory"]
            (line,) = ax.plot(
                theory.series["t_rescaled"], theory.series["kurtosis"], label=f"${SYMBOLS[name]} = {value:g}$"
            )
            for kind in kinds:
                rates[kind].append(_rate(results[f"{stem}_{kind}"]))
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


# --- kinetic blocking ---

#: rod lengths by tier; dynamics at both signs of V0, whose mean has no odd orders
LENGTHS = {"quick": (0.0, 1.0), "full": (0.0, 0.5, 1.0, 1.5)}
SIGNS = {"repulsive": (), "attractive": ("potential.strength=-0.5",)}
LATE = (1000.0, 20000.0)


def _rods(length: float) -> tuple[str, ...]:
    """Settings that turn the free particles of the case into rods."""
    return ("model.kind=hard_rods", f"model.length={length}", "md.step=0.2") if length else ()


def blocking_parts(tier: str) -> list[Part]:
    count = 400 if tier == "full" else 80
    parts = [Part(f"blocking_{a:g}_theory", "run", "free_quench", _rods(a), 40.0) for a in LENGTHS["quick"]]
    for a in LENGTHS[tier]:
        for kind in ("three_body", "landau"):
            settings = (*_rods(a), f"kinetic.kind={kind}")
            parts.append(Part(f"blocking_{a:g}_{kind}", "kinetic", "free_quench", settings, 5.0))
        for sign, strength in SIGNS.items():
            settings = (*_rods(a), *strength, f"md.realisations={count}")
            cost = (240.0 if a else 50.0) * count / 400
            parts.append(Part(f"blocking_{a:g}_{sign}_md_{tier}", "md", "free_quench", settings, cost))
    return parts


def _late_growth(dynamics: Result) -> statistics.Estimate:
    """Kurtosis since the start of `LATE`."""
    k, first = statistics.kurtosis(dynamics), row(dynamics, LATE[0])
    since = np.eye(k.value.size)
    since[:, first] -= 1.0
    return statistics.Estimate(since @ k.value, since @ k.covariance @ since.T)


def blocking_analyse(results: Results) -> Findings:
    found, (fig, (left, right)) = Findings(), axes(2)
    lengths = [a for a in LENGTHS["full"] if f"blocking_{a:g}_three_body" in results]
    rates: dict[str, list[float]] = {"three_body": [], "landau": [], "md": [], "error": []}
    for a in lengths:
        grown = [_late_growth(_named(results, f"blocking_{a:g}_{sign}_md")) for sign in SIGNS]
        t = _named(results, f"blocking_{a:g}_repulsive_md").series["t"]
        value, error = 0.5 * (grown[0].value + grown[1].value), 0.5 * np.hypot(grown[0].error, grown[1].error)
        line = left.errorbar(t, value, error, fmt=".", ms=4, label=f"$a = {a:g}$")
        for kind, style in (("three_body", "-"), ("landau", "--")):
            s = results[f"blocking_{a:g}_{kind}"].series
            predicted = s["kurtosis"] - np.interp(LATE[0], s["t"], s["kurtosis"])
            left.plot(s["t"], predicted, style, color=line[0].get_color())
            rates[kind].append(float(predicted[-1]) / (LATE[1] - LATE[0]))
        rates["md"].append(float(value[-1]) / (LATE[1] - LATE[0]))
        rates["error"].append(float(error[-1]) / (LATE[1] - LATE[0]))
        unit = rates["three_body"][-1]
        found.expect(
            "three_body",
            f"a = {a:g}: rate of dynamics (mean of both signs of V0) over that of encounters of three",
            rates["md"][-1] / unit, 1.0, rates["error"][-1] / unit,
        )  # fmt: skip
        for sign, k in zip(SIGNS, grown, strict=True):
            what = (
                f"a = {a:g}: growth of the kurtosis, t = {LATE[0]:g} to {LATE[1]:g}, {sign} (error {k.error[-1]:.2g})"
            )
            found.table.append({"what": what, "value": float(k.value[-1])})
        what = f"a = {a:g}: rate of eq. (10) over that of dynamics (error {rates['error'][-1] / rates['md'][-1]:.2g})"
        found.table.append({"what": what, "value": rates["landau"][-1] / rates["md"][-1]})
    free, rods = (at(r, LATE[1]) - at(r, LATE[0]) for r in (results[f"blocking_{a}_theory"] for a in (0, 1)))
    found.expect("blocked", "hierarchy: late growth of the kurtosis at a = 0", free, 0.0, scale=rods)
    ratio = rods / (LATE[1] - LATE[0]) / rates["landau"][lengths.index(1.0)]
    found.table.append({"what": "a = 1: rate of the hierarchy over that of eq. (10)", "value": ratio})
    right.errorbar(lengths, rates["md"], rates["error"], fmt=".", color="black", label="molecular dynamics")
    right.plot(lengths, rates["three_body"], "o-", mfc="none", label="encounters of three")
    right.plot(lengths, rates["landau"], "s--", mfc="none", label="eq. (10)")
    right.set(xlabel="$a$", ylabel="rate of the kurtosis")
    right.legend(frameon=False, fontsize=8)
    left.set(xlabel="$t$", ylabel="kurtosis since $t = 1000$", ylim=(-0.01, 0.12))
    left.legend(frameon=False, fontsize=8)
    found.figures["blocking"] = fig
    return found


# --- equilibrium ---


def thermal_parts(tier: str) -> list[Part]:
    count = 2000 if tier == "full" else 400
    return [
        Part("thermal_theory", "run", "thermal", ("hierarchy.order=collective", "mesh.z_spacing=5.0"), 180.0),
        Part(f"thermal_md_{tier}", "md", "equilibrium", (f"md.realisations={count}",), 60.0 * count / 600),
    ]


def _thermal(result: Result) -> tuple[float, float]:
    """Inverse temperature and chi = rho (1 - a rho)^2 of a thermal case of hard rods."""
    case = result.case
    density, beta = case.state.density, case.state.beta  # type: ignore[union-attr]
    return beta, density * (1.0 - density * case.model.length) ** 2  # type: ignore[union-attr]


def thermal_analyse(results: Results) -> Findings:
    found, (fig, (left, right)) = Findings(), axes(2)
    theory, dynamics = results["thermal_theory"], _named(results, "thermal_md")
    potential = potential_of(dynamics)
    beta, chi = _thermal(dynamics)
    k, s = dynamics.mesh["k"], dynamics.snapshots
    screened = 1.0 + beta * chi * potential.fourier(k)
    for i, t in enumerate(s["t"]):
        left.errorbar(
            k * potential.range, s["structure"][i], s["structure_stderr"][i], fmt=".", ms=3, label=f"$t = {t:g}$"
        )
    left.plot(k * potential.range, chi / screened, color="black", label="random phase")
    left.axhline(chi, color="grey", ls=":", label="bare rods")
    left.set(xlabel=r"$k\xi$", ylabel="$S_k$")
    left.legend(frameon=False, fontsize=7)
    shown = k * potential.range < 3.0
    for i in (0, len(s["t"]) - 1):
        ratio = (s["structure"][i] * screened / chi)[shown]
        error = (s["structure_stderr"][i] * screened / chi)[shown]
        weights = error**-2 / (error**-2).sum()
        found.expect(
            "thermal_structure", f"dynamics: S_k over the random-phase form, mean over k xi < 3, t = {s['t'][i]:g}",
            float(weights @ ratio), 1.0, float((error**-2).sum() ** -0.5),
        )  # fmt: skip
    kurtosis = statistics.kurtosis(dynamics)
    found.expect("thermal_kurtosis", "dynamics: kurtosis at the end", kurtosis.value[-1], 0.0, kurtosis.error[-1])
    gain = statistics.kinetic_gain(dynamics)
    found.expect("md_energy", "dynamics: mean energy error at the end", dynamics.series["energy_error"][-1], 0.0)
    found.expect("kinetic_gain", "dynamics: change of the kinetic energy", gain.value[-1], 0.0, gain.error[-1])
    found.expect("thermal_kurtosis", "theory: kurtosis at the end", theory.series["kurtosis"][-1], 0.0)
    z, n2 = theory.mesh["z"], theory.snapshots["density_correlation"][-1]
    transform = (np.cos(np.outer(k, z)) @ n2) * (z[1] - z[0])
    weak, (weak_beta, weak_chi) = potential_of(theory), _thermal(theory)
    fourier = weak.fourier(k)
    predicted = -weak_beta * weak_chi**2 * fourier / (1.0 + weak_beta * weak_chi * fourier)
    right.plot(k * potential.range, predicted, color="black", label="random phase")
    right.plot(k * potential.range, transform, ".", label=f"theory, $t = {theory.snapshots['t'][-1]:g}$")
    right.set(xlabel=r"$k\xi$", ylabel=r"$\int\!\int G_k$")
    right.legend(frameon=False, fontsize=8)
    size = np.abs(predicted).max()
    worst = int(np.argmax(np.where(shown, np.abs(transform - predicted), 0.0)))
    found.expect(
        "thermal_correlation", "theory: transform of the correlation over its largest value, worst k xi < 3",
        transform[worst] / size, predicted[worst] / size,
    )  # fmt: skip
    found.figures["thermal"] = fig
    return found


# --- limits ---

LIMITS = {
    "dense, a rho = 0.4": ("dense", ("state.density=0.4",)),
    "strong, V0 = 12": ("strong", ("potential.strength=12.0",)),
    "short range, xi = 6, V0 = 1.2": (
        "short",
        ("potential.range=6.0", "potential.strength=1.2", "mesh.z_max=60.0", "mesh.z_spacing=1.5", "md.ring=500.0"),
    ),
}


def limit_parts(tier: str) -> list[Part]:
    parts = [
        Part("scaling_base_theory", "run", "scaling", (), 30.0),
        Part("limits_base_md", "md", "scaling", SMALL, 40.0),
    ]
    for name, settings in LIMITS.values():
        parts.append(Part(f"limits_{name}_theory", "run", "scaling", settings, 30.0))
        parts.append(Part(f"limits_{name}_md", "md", "scaling", (*settings, *SMALL), 40.0))
    return parts


SMALL = ("md.realisations=200",)


def limit_analyse(results: Results) -> Findings:
    found, (fig, panels) = Findings(), axes(4, 3.2)
    cases = {"reference": ("scaling_base_theory", "limits_base_md")}
    cases |= {label: (f"limits_{name}_theory", f"limits_{name}_md") for label, (name, _) in LIMITS.items()}
    for ax, (label, (theory_name, md_name)) in zip(panels, cases.items(), strict=True):
        theory, dynamics = results[theory_name], results[md_name]
        k = statistics.kurtosis(dynamics)
        ax.plot(theory.series["t_rescaled"], theory.series["kurtosis"])
        dots(ax, dynamics.series["t_rescaled"], k.value, k.error, color="black")
        ax.set(xlabel=r"$\bar t$", ylabel="kurtosis", title=label)
        unit = float(theory.attributes["rescaled_time_unit"])
        for x in (0.02, 0.14):
            i = row(dynamics, x * unit)
            difference = k.value[i] - at(theory, float(dynamics.series["t"][i]))
            found.table.append(
                {
                    "what": f"{label}: dynamics minus theory at t_bar = {x:g} (error {k.error[i]:.3f})",
                    "value": difference,
                }
            )
        rate, error = _rate(dynamics)
        predicted = _rate(theory)[0]
        found.table.append(
            {"what": f"{label}: rate, dynamics over theory (error {error / predicted:.2f})", "value": rate / predicted}
        )
    found.figures["limits"] = fig
    return found


STUDIES = (
    Study("fig2", "Fig. 2: kurtosis, kinetic energy, density correlation",
          "Two boosted thermal states after the long-range potential is switched on. Lines: hierarchy on the infinite "
          "line; dots: hard rods on a ring of 500 with standard errors over realisations. Correlations are low-passed "
          "alike, since dynamics sees the hard core that theory has as a delta function.", fig2_parts, fig2_analyse),
    Study("size", "Finite size",
          "The same quench on rings of 500, 1000 and 2000 beside the periodic hierarchy of the same length.",
          size_parts, size_analyse),
    Study("scaling", "Scaling collapse",
          "Kurtosis against rescaled time for three strengths, lengths and ranges; exponents of the rate of growth "
          f"between rescaled times {WINDOW[0]} and {WINDOW[1]}.", scaling_parts, scaling_analyse),
    Study("blocking", "Kinetic blocking and weak coupling",
          "A weak quench, V0 = 0.5 and -0.5. Dots: dynamics, mean of both signs; lines: encounters of three (leading "
          "order in V0; V0^4 at a = 0); dashed: the collision integral (10), V0^2 and blocked at a = 0. At weak "
          "coupling (10), and with it the hierarchy, relaxes several times too fast: docs/kinetic.md.",
          blocking_parts, blocking_analyse),
    Study("thermal", "Equilibrium",
          "Dynamics starts in exp(-beta H) with the potential and stays there; theory starts without correlations and "
          "grows those of the random-phase form.", thermal_parts, thermal_analyse),
    Study("limits", "Where the theory fails",
          "Dense rods, a strong potential and a short range: the deviation is measured, nothing is expected of it.",
          limit_parts, limit_analyse),
)  # fmt: skip
