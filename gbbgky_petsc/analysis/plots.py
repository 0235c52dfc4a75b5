"""Pictures in the form of the paper's Fig. 2."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from gbbgky_petsc import case as case_file
from gbbgky_petsc.store.reader import Result


def figure(results: Sequence[Result], target: Path) -> None:
    """(a) kurtosis against rescaled time with the kinetic energy inset; (b) density correlation against z/xi.

    Panel (b) shows the snapshots of the first result.
    """
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained")
    inset = left.inset_axes((0.55, 0.12, 0.42, 0.4))
    for result in results:
        s = result.series
        finite = np.all(np.isfinite(s["t_rescaled"]))
        x = s["t_rescaled"] if finite and s["t_rescaled"].any() else s["t"]
        left.plot(x, s["kurtosis"], label=result.path.stem)
        inset.plot(x, s["kinetic_energy"])
    label = r"$\bar t$" if finite and s["t_rescaled"].any() else "$t$"
    left.set(xlabel=label, ylabel="kurtosis", title="(a)")
    inset.set_title(r"$E_{\rm kin}$ per particle", fontsize=8)
    inset.tick_params(labelsize=7)
    left.legend(frameon=False, loc="upper left", fontsize=8)

    first = results[0]
    case = case_file.parse(case_file.tree_of(first.attributes["case"]))
    z, xi = first.mesh["z"], case.potential.range
    colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.9, max(1, len(first.snapshots["t"]))))
    for t, n2, colour in zip(first.snapshots["t"], first.snapshots["density_correlation"], colours, strict=True):
        right.plot(z / xi, n2, color=colour, label=f"$t = {t:g}$")
    right.set(xlabel=r"$z/\xi$", ylabel=r"$\int\!\int g\,d\theta\,d\theta'$", title="(b)", xlim=(-5.0, 5.0))
    if len(first.snapshots["t"]):
        right.legend(frameon=False, fontsize=8)
    fig.savefig(target, dpi=150)
    plt.close(fig)
