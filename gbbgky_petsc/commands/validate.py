"""`gbbgky validate`: compute the parts of the studies, compare, report."""

import datetime
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from gbbgky_petsc import case as case_file
from gbbgky_petsc.commands.common import console, versions
from gbbgky_petsc.errors import InputError
from gbbgky_petsc.validation import report
from gbbgky_petsc.validation.parts import RUNS, Part
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
    store.mkdir(parents=True, exist_ok=True)
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
    entries = []
    for study in studies:
        parts = study.parts(tier)
        found = study.analyse({part.name: part.result(store) for part in parts})
        entries.append((study, found, [_described(part, store) for part in parts]))
    head = {
        "tier": tier,
        "date": datetime.date.today().isoformat(),
        "versions": json.dumps(versions()),
        "wall minutes of all parts": round(
            sum(part.result(store).attributes["wall_seconds"] for part in wanted.values()) / 60.0, 1
        ),
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


def _described(part: Part, store: Path) -> dict[str, object]:
    attributes = part.result(store).attributes
    case = case_file.load(RUNS / f"{part.case}.toml", part.settings)
    return {
        "name": part.name,
        "command": part.shown(),
        "seed": case.md.seed if part.command == "md" and case.md is not None else "",
        "ranks": int(attributes["ranks"]),
        "seconds": float(attributes["wall_seconds"]),
    }
