"""The report: one HTML file with its figures inside, PNG and PDF figures, a JSON for machines."""

import base64
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from gbbgky_petsc.validation.studies.common import Check, Findings, Study


def write(folder: Path, head: dict[str, Any], entries: list[tuple[Study, Findings, list[dict[str, Any]]]]) -> None:
    """Write report.html, report.json and figures/ into a folder; closes the figures.

    Parameters
    ----------
    head
        Tier, versions, date and the like, shown at the top.
    entries
        Studies with what they found and their parts: name, command, seconds, ranks, seed.
    """
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    studies: list[dict[str, Any]] = []
    for study, found, parts in entries:
        images = {}
        for name, figure in found.figures.items():
            figure.savefig(figures / f"{name}.pdf")
            images[name] = _png(figure)
            (figures / f"{name}.png").write_bytes(images[name])
            plt.close(figure)
        studies.append({"study": study, "found": found, "parts": parts, "images": images})
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    page = environment.get_template("report.html.j2").render(head=head, studies=studies, failed=failed(entries))
    (folder / "report.html").write_text(page)
    record = {
        **head,
        "studies": [
            {
                "name": s["study"].name,
                "title": s["study"].title,
                "checks": [_check(c) for c in s["found"].checks],
                "numbers": s["found"].table,
                "parts": s["parts"],
                "figures": sorted(s["images"]),
            }
            for s in studies
        ],
    }
    (folder / "report.json").write_text(json.dumps(record, indent=1))


def failed(entries: list[tuple[Study, Findings, list[dict[str, Any]]]]) -> list[Check]:
    """Every check that does not hold."""
    return [check for _, found, _ in entries for check in found.checks if not check.passed]


def _check(check: Check) -> dict[str, Any]:
    return {**dataclasses.asdict(check), "z": check.z, "passed": check.passed}


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
