"""Finite size: rings of several lengths against the periodic hierarchy."""

import numpy as np

from gbbgky_petsc.analysis.plots import axes, dots
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies.common import Findings, Results, Study, at, named, row
from gbbgky_petsc.validation.studies.fig2 import FAST_END

CIRCUMFERENCES = (500, 1000, 2000)


def parts(tier: str) -> list[Part]:
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


def analyse(results: Results) -> Findings:
    found, (fig, (left, right)) = Findings(), axes(2)
    gains, errors, predicted = [], [], []
    for ring in CIRCUMFERENCES:
        theory, dynamics = results[f"ring_{ring}_theory"], named(results, f"ring_{ring}_md")
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


STUDY = Study(
    "size",
    "Finite size",
    "The same quench on rings of 500, 1000 and 2000 beside the periodic hierarchy of the same length.",
    parts,
    analyse,
)
