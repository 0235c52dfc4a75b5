"""`gbbgky validate`: compute the parts of the studies, compare, report."""

import datetime
import json
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from gbbgky_petsc.commands.common import console, versions
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.store.reader import Result
from gbbgky_petsc.validation import report
from gbbgky_petsc.validation.parts import Part
from gbbgky_petsc.validation.studies import STUDIES


def validate(folder: Path, tier: str, only: Sequence[str], launcher: str, ranks: int) -> bool:
    """Compute what is missing, write the report, and say whether every expectation holds.

    Parameters
    ----------
    launcher
        What starts a part in parallel, such as 'mpirun -n 16'; empty for none.
    ranks
        How many cores that uses, for the estimate beforehand.

    Raises
    ------
    InputError, SolverError
    """
    known = [study.name for study in STUDIES]
    unknown = [name for name in only if name not in known]
    if unknown:
        raise InputError(f"--only {unknown[0]}: no such study; allowed: {', '.join(known)}")
    studies = [study for study in STUDIES if not only or study.name in only]
    store = folder / "parts"
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {folder}: cannot be made a folder ({error.strerror})") from error
    if launcher and shutil.which(shlex.split(launcher)[0]) is None:
        raise InputError(f"--launcher {launcher}: no such command; allowed: such as 'mpirun -n 2'")
    wanted = {part.name: part for study in studies for part in study.parts(tier)}
    missing = [part for part in wanted.values() if not part.finished(store)]
    out = console()
    minutes = sum(part.cost for part in missing) / ranks / 60.0
    out.print(
        f"{tier} tier: {len(missing)} of {len(wanted)} parts to compute, about {minutes:.0f} min on {ranks} core(s)"
    )
    for number, part in enumerate(missing, 1):
        out.print(f"[{number}/{len(missing)}] {part.shown()}", markup=False)
        part.compute(store, shlex.split(launcher))
    results = {name: part.result(store) for name, part in wanted.items()}
    entries = []
    for study in studies:
        parts = {part.name: part for part in study.parts(tier)}
        found = study.analyse({name: results[name] for name in parts})
        entries.append((study, found, [_described(part, results[name]) for name, part in parts.items()]))
    head = {
        "tier": tier,
        "date": datetime.date.today().isoformat(),
        "versions": json.dumps(versions()),
        "wall minutes of all parts": round(sum(r.attributes["wall_seconds"] for r in results.values()) / 60.0, 1),
        "repeat": f"gbbgky validate --tier {tier} -o FOLDER",
    }
    report.write(folder, head, entries)
    failures = report.failed(entries)
    table = Table("study", "expectations", "failed")
    for study, found, _ in entries:
        table.add_row(study.name, str(len(found.checks)), str(sum(not c.passed for c in found.checks)))
    out.print(table)
    for check in failures:
        out.print(
            f"FAILS: {check.name}: {check.value:.5g}({check.error:.1g}), "
            f"expected {check.expected:.5g} within {check.allowed:.2g}"
        )
    out.print(f"written to {folder / 'report.html'}")
    return not failures


def _described(part: Part, result: Result) -> dict[str, object]:
    return {
        "name": part.name,
        "command": part.shown(),
        "seed": result.case.md.seed if part.command == "md" and result.case.md is not None else "",
        "ranks": int(result.attributes["ranks"]),
        "seconds": float(result.attributes["wall_seconds"]),
    }
