"""Kinetic blocking, and which collision integral dynamics follows at weak coupling."""

import numpy as np

from gbbgky_petsc.analysis.plots import axes
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies.common import Findings, Results, Study, at, named, row

#: rod lengths by tier; dynamics at both signs of V0, whose mean has no odd orders
LENGTHS = {"quick": (0.0, 1.0), "full": (0.0, 0.5, 1.0, 1.5)}
SIGNS = {"repulsive": (), "attractive": ("potential.strength=-0.5",)}
LATE = (1000.0, 20000.0)
#: end of the hierarchy's runs, which take its steps of a few xi/v all the way
HIERARCHY_END = 4000.0


def _rods(length: float) -> tuple[str, ...]:
    """Settings that turn the free particles of the case into rods."""
    return ("model.kind=hard_rods", f"model.length={length}", "md.step=0.2") if length else ()


def parts(tier: str) -> list[Part]:
    count = 400 if tier == "full" else 60
    ends = f"time.end={HIERARCHY_END}"
    hierarchy = LENGTHS["quick"] if tier == "full" else (0.0,)
    parts = [Part(f"blocking_{a:g}_theory", "run", "free_quench", (*_rods(a), ends), 40.0) for a in hierarchy]
    for a in LENGTHS[tier]:
        for kind in ("three_body", "landau"):
            settings = (*_rods(a), f"kinetic.kind={kind}")
            parts.append(Part(f"blocking_{a:g}_{kind}", "kinetic", "free_quench", settings, 5.0))
        for sign, strength in SIGNS.items():
            settings = (*_rods(a), *strength, f"md.realisations={count}")
            cost = (240.0 if a else 50.0) * count / 400
            parts.append(Part(f"blocking_{a:g}_{sign}_md_{tier}", "md", "free_quench", settings, cost))
    return parts


def _late_growth(*dynamics: Result) -> statistics.Estimate:
    """Kurtosis since the start of `LATE`, mean of the results."""
    k, first = statistics.kurtosis(*dynamics), row(dynamics[0], LATE[0])
    since = np.eye(k.value.size)
    since[:, first] -= 1.0
    return statistics.Estimate(since @ k.value, since @ k.covariance @ since.T)


def _growth(result: Result, end: float) -> float:
    """Of the kurtosis in theory, from the start of `LATE` on."""
    return at(result, end) - at(result, LATE[0])


def analyse(results: Results) -> Findings:
    found, (fig, (left, right)) = Findings(), axes(2)
    lengths = [a for a in LENGTHS["full"] if f"blocking_{a:g}_three_body" in results]
    rates: dict[str, list[float]] = {"three_body": [], "landau": [], "md": [], "error": []}
    for a in lengths:
        signs = {sign: named(results, f"blocking_{a:g}_{sign}_md") for sign in SIGNS}
        both, t = _late_growth(*signs.values()), signs["repulsive"].series["t"]
        line = left.errorbar(t, both.value, both.error, fmt=".", ms=4, label=f"$a = {a:g}$")
        for kind, style in (("three_body", "-"), ("landau", "--")):
            s = results[f"blocking_{a:g}_{kind}"].series
            predicted = s["kurtosis"] - np.interp(LATE[0], s["t"], s["kurtosis"])
            left.plot(s["t"], predicted, style, color=line[0].get_color())
            rates[kind].append(float(predicted[-1]) / (LATE[1] - LATE[0]))
        rates["md"].append(float(both.value[-1]) / (LATE[1] - LATE[0]))
        rates["error"].append(float(both.error[-1]) / (LATE[1] - LATE[0]))
        unit = rates["three_body"][-1]
        found.expect(
            "three_body",
            f"a = {a:g}: rate of dynamics (mean of both signs of V0) over that of encounters of three",
            rates["md"][-1] / unit, 1.0, rates["error"][-1] / unit,
        )  # fmt: skip
        for sign, dynamics in signs.items():
            k, span = _late_growth(dynamics), f"t = {LATE[0]:g} to {LATE[1]:g}"
            what = f"a = {a:g}: growth of the kurtosis, {span}, {sign} (error {k.error[-1]:.2g})"
            found.table.append({"what": what, "value": float(k.value[-1])})
        what = f"a = {a:g}: rate of eq. (10) over that of dynamics (error {rates['error'][-1] / rates['md'][-1]:.2g})"
        found.table.append({"what": what, "value": rates["landau"][-1] / rates["md"][-1]})
    kinetic = _growth(results["blocking_1_landau"], HIERARCHY_END)
    free = _growth(results["blocking_0_theory"], HIERARCHY_END)
    found.expect("blocked", "hierarchy: late growth of the kurtosis at a = 0", free, 0.0, scale=kinetic)
    if "blocking_1_theory" in results:
        ratio = _growth(results["blocking_1_theory"], HIERARCHY_END) / kinetic
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


STUDY = Study(
    "blocking",
    "Kinetic blocking and weak coupling",
    "A weak quench, V0 = 0.5 and -0.5. Dots: dynamics, mean of both signs; lines: encounters of three (leading "
    "order in V0; V0^4 at a = 0); dashed: the collision integral (10), V0^2 and blocked at a = 0. At weak "
    "coupling (10), and with it the hierarchy, relaxes several times too fast: docs/kinetic.md.",
    parts,
    analyse,
)
