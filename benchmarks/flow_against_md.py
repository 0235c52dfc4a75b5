"""Layer 1 in space against exact dynamics of rods in the same trap: chi^2 of profiles, and a picture.

python benchmarks/flow_against_md.py PICTURE FLOW.h5 MD.h5 [FLOW.h5 MD.h5 ...]

Results of `gbbgky flow` and `gbbgky md` on one case, with the same snapshots. Points count where more than `COUNTS`
rods were seen; ``beyond`` is the root mean square of the difference less that of the error bars, over the maximum. The
errors of the rapidity distribution are those of its cells, added as independent.
"""

import sys

import h5py
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

#: rods in a cell above which an error bar from counts means something
COUNTS = 20


def profiles(path):
    """t (S,), density (S, Nx), rapidity distribution (S, N), their errors or None, meshes x and theta, realisations."""
    with h5py.File(path) as file:
        x, theta, s = file["mesh/x"][()], file["mesh/theta"][()], file["snapshots"]
        h, rho = x[1] - x[0], s["rho"][()]
        errors, runs = None, 0
        if "rho_stderr" in s:
            errors = s["density_stderr"][()], h * np.sqrt((s["rho_stderr"][()] ** 2).sum(axis=1))
            runs = file["samples/realisation"].shape[0]
        return s["t"][()], (s["density"][()], h * rho.sum(axis=1)), errors, (x, theta), runs


def compare(flow, md):
    """Print a line for each snapshot."""
    t, ours, _, meshes, _ = profiles(flow)
    times, exact, bars, other, runs = profiles(md)
    np.testing.assert_allclose(times, t)
    for one, two in zip(meshes, other, strict=True):
        np.testing.assert_allclose(one, two)
    print(f"{flow} and {md}: {runs} realisations\n t        density: chi^2/point beyond    theta: chi^2/point beyond")
    for i, now in enumerate(t):
        words = []
        for value, seen, bar, mesh in zip(ours, exact, bars, meshes, strict=True):
            use = seen[i] * (mesh[1] - mesh[0]) * runs > COUNTS
            apart, bar2 = (value[i] - seen[i])[use] ** 2, bar[i][use] ** 2
            beyond = np.sqrt(max(0.0, (apart - bar2).mean())) / value[i].max()
            words.append(f"{(apart / bar2).mean():18.2f} {beyond:8.4f} ({use.sum()})")
        print(f"{now:8.1f}", *words)
    return t, ours, exact, bars, meshes


def main(picture, *paths):
    pairs = list(zip(paths[::2], paths[1::2], strict=True))
    fig, axes = plt.subplots(len(pairs), 2, figsize=(11, 3.6 * len(pairs)), squeeze=False)
    for row, (flow, md) in zip(axes, pairs, strict=True):
        t, ours, exact, bars, meshes = compare(flow, md)
        for ax, value, seen, bar, mesh, name in zip(row, ours, exact, bars, meshes, ("x", "theta"), strict=True):
            for i, color in zip(range(len(t)), plt.cm.viridis(np.linspace(0.0, 0.85, len(t))), strict=True):
                ax.plot(mesh, value[i], color=color, label=f"t = {t[i]:g}")
                ax.errorbar(mesh[::2], seen[i][::2], bar[i][::2], fmt=".", ms=2, lw=0.6, color=color)
            ax.set_xlabel(name)
        row[0].set_ylabel(f"density, {flow.rsplit('/', 1)[-1]}")
        row[1].set_ylabel("rapidity distribution")
        row[1].legend(fontsize=7)
    fig.tight_layout()
    fig.savefig(picture, dpi=90)


if __name__ == "__main__":
    main(*sys.argv[1:])
