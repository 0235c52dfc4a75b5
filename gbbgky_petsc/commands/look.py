"""`gbbgky plot`, `compare`, `animate`, `info`, `cases`: looking at what is there, on one process."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from gbbgky_petsc import shipped
from gbbgky_petsc.errors import InputError, printable


def plot(results: Sequence[Path], output: Path | None) -> None:
    """Draw results into a PNG or PDF file, beside the first of them unless ``output`` says otherwise.

    Raises
    ------
    InputError, StorageError
    """
    from gbbgky_petsc.analysis import flow_plots, plots, rate_plots
    from gbbgky_petsc.store.rates import holds_rates, read_rates
    from gbbgky_petsc.store.reader import read

    target = output or results[0].with_suffix(".png")
    if target.suffix not in (".png", ".pdf"):
        raise InputError(f"output {target}: allowed: a name ending in .png or .pdf")
    if any(holds_rates(path) for path in results):
        if len(results) > 1:
            raise InputError("results: one of them holds rates; allowed: a picture of it alone")
        rates = read_rates(results[0])
        _draw(target, lambda part: rate_plots.figure(rates, part))
        return
    read_ones = [read(path) for path in results]
    in_space = {"x" in result.mesh for result in read_ones}
    if len(in_space) > 1:
        raise InputError("results: some are in space and some are not; allowed: pictures of one kind")
    figure = flow_plots.figure if in_space == {True} else plots.figure
    _draw(target, lambda part: figure(read_ones, part))


def _draw(target: Path, draw: Callable[[Path], None]) -> None:
    """Have a picture drawn into a file, which is there whole or not at all, and say where it is."""
    from gbbgky_petsc.store import sealed
    from gbbgky_petsc.store.writer import check_target

    check_target(target, force=True)
    with sealed.replacing(target, target.suffix) as part:
        draw(part)
    print(printable(str(target)))


def compare(first: Path, second: Path, tolerance: float, sigmas: float) -> bool:
    """Print how two results differ; whether nothing does beyond ``sigmas`` error bars or ``tolerance`` of its size.

    Raises
    ------
    InputError
        For a file that is no result, or two that have nothing in common.
    """
    from rich.table import Table

    from gbbgky_petsc.analysis.compare import differences, other_keys
    from gbbgky_petsc.commands.common import console
    from gbbgky_petsc.store.reader import read

    if not (tolerance >= 0.0 and sigmas > 0.0):
        raise InputError(f"--tolerance {tolerance:g}, --sigmas {sigmas:g}: allowed: 0 or more, and above 0")
    one, other = read(first), read(second)
    found = differences(one, other)
    if not found:
        raise InputError(f"{first}, {second}: no quantity at common times; allowed: results that have some")
    for line in other_keys(one, other):
        print(printable(f"case: {line}"))
    table = Table("quantity", "times", "largest difference", "at t", "of its size", "in standard errors", "")
    for d in found:
        share = f"{d.largest / d.size:.1e}" if d.size else "0"
        errors = "" if d.errors is None else f"{d.errors:.1f}" if d.errors == d.errors else "too few rods"
        same = "" if d.within(tolerance, sigmas) else "differs"
        table.add_row(d.name, str(d.rows), f"{d.largest:.2e}", f"{d.time:g}", share, errors, same)
    out = console()
    out.print(table)
    different = [d.name for d in found if not d.within(tolerance, sigmas)]
    limits = f"{sigmas:g} standard errors, or {tolerance:g} of the size where there are none"
    out.print(f"{len(different)} of {len(found)} quantities differ by more than {limits}")
    return not different


def animate(result: Path, output: Path | None) -> None:
    """Draw the snapshots of a result in space as a GIF, beside it unless ``output`` says otherwise, or as an MP4.

    Raises
    ------
    InputError, StorageError
    """
    from gbbgky_petsc.analysis import flow_plots
    from gbbgky_petsc.store.reader import read

    target = output or result.with_suffix(".gif")
    if target.suffix != ".gif" and (target.suffix != ".mp4" or shutil.which("ffmpeg") is None):
        raise InputError(f"output {target}: allowed: a name ending in .gif, or in .mp4 where ffmpeg is installed")
    read_one = read(result)
    if "x" not in read_one.mesh:
        raise InputError(f"{result}: is homogeneous; allowed: a result of gbbgky flow, or of gbbgky md in space")
    _draw(target, lambda part: flow_plots.animation(read_one, part))


def info(path: Path) -> None:
    """Print attributes, datasets and the end of a result; raises `InputError`."""
    from gbbgky_petsc.store.reader import read

    result = read(path)
    for key, value in sorted(result.attributes.items()):
        print(printable(f"{key}: {value}"))
    for group in ("mesh", "series", "snapshots"):
        for name, values in getattr(result, group).items():
            print(printable(f"/{group}/{name}: shape {values.shape}"))
    if len(result.series["t"]) and "kurtosis" in result.series:
        print(f"last: t = {result.series['t'][-1]:g}, kurtosis = {result.series['kurtosis'][-1]:.5f}")


def cases(name: str | None) -> None:
    """List the cases and meshes that come with the package, or print one case; raises `InputError`."""
    from rich.table import Table

    from gbbgky_petsc.commands.common import console

    known = shipped.cases()
    if name is not None:
        if name not in known:
            raise InputError(f"case {name}: no such shipped case; allowed: {', '.join(known)}")
        print(known[name].read_text(), end="")
        return
    table = Table("case", "purpose")
    for case, path in known.items():
        table.add_row(case, shipped.purpose(path))
    meshes = Table("mesh", "rapidities", "theta up to", "z up to", "spacing of z")
    for mesh, path in shipped.meshes().items():
        numbers = shipped.mesh_numbers(path)
        meshes.add_row(mesh, *(f"{numbers[k]:g}" for k in ("theta_points", "theta_max", "z_max", "z_spacing")))
    out = console()
    out.print(table)
    out.print(meshes)
    out.print("gbbgky run CASE starts one; gbbgky cases CASE prints it")
