"""The gallery: every case that comes along, run at a size that takes seconds, and its picture (`make gallery`).

python docs/gallery.py [CASE ...]        these cases only; writes docs/gallery/CASE.png and docs/gallery.md
"""

import shlex
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from gbbgky_petsc import shipped

HERE = Path(__file__).resolve().parent
QUICK = ("mesh.name=quick",)
SHORT = ("time={end=500.0}", "output.series_every=10.0", "output.snapshots_at=[0, 20, 100, 500]")
#: what is changed of a case so that it takes seconds; nothing, if it does anyway
SMALLER = {
    "bethe_gas": ("time.end=200", "output.series_every=5.0", "output.snapshots_at=[0, 20, 100, 200]"),
    "cradle": ("flow.collisions=none", "space.points=192", "mesh.theta_points=96", "time.end=251.3",
               "output.snapshots_at=[0, 15.7, 31.4, 62.8, 125.7, 251.3]"),
    "cradle_dipolar": ("space.points=128", "mesh.theta_points=64", "time.end=31.4",
                       "output.snapshots_at=[0, 7.85, 15.7, 23.6, 31.4]"),
    "equilibrium": ("time.end=200", "output.series_every=5.0", "output.snapshots_at=[0, 20, 50, 200]"),
    "expansion": ("space.points=256", "mesh.theta_points=96"),
    "fig2_phi3": QUICK + SHORT,
    "fig2_phi6": QUICK + SHORT,
    "fig2_phi6_quick": SHORT,
    "fig2_phi6_ring": QUICK,
    "four_fields": ("time.end=20", "output.series_every=1.0", "output.snapshots_at=[0, 5, 10, 20]"),
    "free_quench": SHORT,
    "lieb_liniger_dipolar": ("mesh.theta_points=60", "mesh.z_spacing=0.5", "time.end=2.0", "output.series_every=0.1",
                             "output.snapshots_at=[0, 0.5, 2.0]"),
    "scaling": SHORT,
    "thermal": ("mesh.theta_points=50", "time.end=4000", "output.snapshots_at=[1000, 4000]"),
    "validity": ("output.snapshots_at=[0, 3000, 12000]",),
    "trap_quench": ("time.end=62.8", "output.snapshots_at=[0, 7.85, 15.7, 31.4, 47.1, 62.8]"),
}  # fmt: skip


def command_of(name: str) -> str:
    """The command that integrates a case."""
    tables = tomllib.loads(shipped.cases()[name].read_text())
    return "flow" if "space" in tables else "kinetic" if name == "validity" else "run"


def words_of(name: str) -> list[str]:
    """The arguments of gbbgky."""
    changes = [word for change in SMALLER.get(name, ()) for word in ("--set", change)]
    return [command_of(name), name, "-o", f"{name}.h5", *changes]


def draw(name: str) -> None:
    """Run a case in a folder of its own and keep its picture."""
    with tempfile.TemporaryDirectory() as folder:
        picture = HERE / "gallery" / f"{name}.png"
        picture.parent.mkdir(exist_ok=True)
        for words in (words_of(name), ["plot", f"{name}.h5", "-o", str(picture)]):
            subprocess.run([sys.executable, "-m", "gbbgky_petsc", *words], cwd=folder, check=True, capture_output=True)
    print(name, flush=True)


def page() -> str:
    """docs/gallery.md."""
    lines = [
        "# Gallery",
        "",
        "Every case that comes along, drawn by `make gallery`. Most are cut short or coarser here than they are, so",
        "that each takes seconds: the command says how. Without its `--set` it is the whole case.",
    ]
    for name, path in shipped.cases().items():
        lines += ["", f"## {name}", "", f"{shipped.purpose(path)}.".replace("..", "."), "", "```console"]
        lines += [shlex.join(["gbbgky", *words_of(name)]), f"gbbgky plot {name}.h5", "```"]
        lines += ["", f"![{name}](gallery/{name}.png)"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for chosen in sys.argv[1:] or shipped.cases():
        draw(chosen)
    (HERE / "gallery.md").write_text(page())
