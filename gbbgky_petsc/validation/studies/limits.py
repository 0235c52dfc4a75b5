"""Where the theory fails: deviations are measured, nothing is expected of them."""

from gbbgky_petsc.analysis.plots import axes, dots
from gbbgky_petsc.validation import statistics
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies.common import Findings, Results, Study, at, named, row
from gbbgky_petsc.validation.studies.scaling import rate

LIMITS = {
    "dense, a rho = 0.4": ("dense", ("state.density=0.4",)),
    "strong, V0 = 12": ("strong", ("potential.strength=12.0",)),
    "short range, xi = 6, V0 = 1.2": (
        "short",
        ("potential.range=6.0", "potential.strength=1.2", "mesh.z_max=60.0", "mesh.z_spacing=1.5", "md.ring=500.0"),
    ),
}


def parts(tier: str) -> list[Part]:
    count = 200 if tier == "full" else 100
    small = (f"md.realisations={count}",)
    parts = [
        Part("scaling_base_theory", "run", "scaling", (), 30.0),
        Part(f"limits_base_md_{tier}", "md", "scaling", small, 0.2 * count),
    ]
    for name, settings in LIMITS.values():
        parts.append(Part(f"limits_{name}_theory", "run", "scaling", settings, 30.0))
        parts.append(Part(f"limits_{name}_md_{tier}", "md", "scaling", (*settings, *small), 0.15 * count))
    return parts


def analyse(results: Results) -> Findings:
    found, (fig, panels) = Findings(), axes(4, 3.2)
    cases = {"reference": ("scaling_base_theory", "limits_base_md")}
    cases |= {label: (f"limits_{name}_theory", f"limits_{name}_md") for label, (name, _) in LIMITS.items()}
    for ax, (label, (theory_name, md_name)) in zip(panels, cases.items(), strict=True):
        theory, dynamics = results[theory_name], named(results, md_name)
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
        late, error = rate(dynamics)
        predicted = rate(theory)[0]
        found.table.append(
            {"what": f"{label}: rate, dynamics over theory (error {error / predicted:.2f})", "value": late / predicted}
        )
    found.figures["limits"] = fig
    return found


STUDY = Study(
    "limits",
    "Where the theory fails",
    "Dense rods, a strong potential and a short range: the deviation is measured, nothing is expected of it.",
    parts,
    analyse,
)
