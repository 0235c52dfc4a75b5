"""Equilibrium with the potential, in dynamics and in theory."""

import numpy as np

from gbbgky_petsc.analysis.plots import axes
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies.common import Findings, Results, Study, named, potential_of


def parts(tier: str) -> list[Part]:
    count = 2000 if tier == "full" else 400
    return [
        Part("thermal_theory", "run", "thermal", ("hierarchy.order=collective", "mesh.z_spacing=5.0"), 180.0),
        Part(f"thermal_md_{tier}", "md", "equilibrium", (f"md.realisations={count}",), 60.0 * count / 600),
    ]


def _thermal(result: Result) -> tuple[float, float]:
    """Inverse temperature and chi = rho (1 - a rho)^2 of a thermal case of hard rods."""
    case = result.case
    density, beta = case.state.density, case.state.beta  # type: ignore[union-attr]
    return beta, density * (1.0 - density * case.model.length) ** 2  # type: ignore[union-attr, operator, return-value]


def analyse(results: Results) -> Findings:
    found, (fig, (left, right)) = Findings(), axes(2)
    theory, dynamics = results["thermal_theory"], named(results, "thermal_md")
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


STUDY = Study(
    "thermal",
    "Equilibrium",
    "Dynamics starts in exp(-beta H) with the potential and stays there; theory starts without correlations and "
    "grows those of the random-phase form.",
    parts,
    analyse,
)
