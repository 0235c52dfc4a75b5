"""Follow a page of the documentation: run its blocks one after the other, where a reader with a checkout stands.

    python docs/follow.py docs/tutorials/fig2.md         by the letter; keeps the pictures that the page shows

That is a new folder with ``runs/``, ``benchmarks/``, ``docs/`` and a ``.venv`` of this Python, `gbbgky` on the path.

Blocks of code are fenced, and their language says what becomes of them:

| language | what it is |
|---|---|
| sh | commands: run |
| python | run, all of a page in one namespace |
| toml, python with title="FILE" | a file, written |
| toml | a part of a case: not run |
| console | commands for another place (a cluster, a bare machine, hours): not run |
| text | output, an equation, a layout: nothing to run |

`tests/test_docs.py` holds files, parts of cases and the arguments of every gbbgky, run or not, against what exists, and
(`make docs-test`) follows all pages: tutorials and how-to pages by the letter; of the others `gbbgky run`, `kinetic`,
`md` and `flow` at a size that takes seconds (`reduction`), the rest by the letter too.
"""

import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(?P<mark>`{3,})(?P<info>.*)$")
LANGUAGES = ("sh", "python", "toml", "console", "text")
#: seconds that a block of commands or Python may take
PATIENCE = 1800
#: what makes a case small, for pages that are not followed by the letter and for `tests/test_runs.py`
COARSE = ("mesh.theta_points=36", "mesh.theta_max=5.0", "mesh.z_spacing=10.0", "time={end=10.0}")
#: the same by the name of the case, where it is not `COARSE`
REDUCED = {
    "equilibrium": ("mesh.theta_points=36", "mesh.z_spacing=10.0", "time={end=10.0}"),
    "four_fields": ("mesh.theta_points=26", "mesh.z_spacing=8.0", "time={end=5.0}"),
    "lieb_liniger_dipolar": ("mesh.theta_points=60", "mesh.z_spacing=0.5", "time={end=0.5}"),
    "thermal": ("mesh.theta_points=40", "mesh.z_spacing=20.0", "time={end=10.0}"),
    "validity": (
        "mesh.theta_points=36",
        "mesh.theta_max=5.0",
        "mesh.z_max=48.0",
        "mesh.z_spacing=4.0",
        "time={end=10.0}",
    ),
    "cradle": ("flow.collisions=none", "time={end=2.0}"),
    "cradle_dipolar": ("space.points=64", "time={end=1.0}"),
    "trap_quench": ("time={end=1.0}", "md.realisations=2"),
    "expansion": ("time={end=1.0}",),
    "domain_wall": ("time={end=1.0}",),
}
FEW = ("md.realisations=2", "md.force_tolerance=1e-3", "time={end=2.0}")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its place, language, name of file (if it is one) and text."""

    page: Path
    line: int
    language: str
    title: str | None
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """The pages of the documentation and those that a visitor of the repository sees first."""
    top = [path for name in ("README.md", "CONTRIBUTING.md") if (path := ROOT / name).is_file()]
    return [*top, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Fenced blocks in order."""
    found, mark, info, start, body = [], "", "", 0, []
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        fence = FENCE.match(line)
        if not mark and fence:
            mark, info, start, body = fence["mark"], fence["info"], number, []
        elif mark and line.strip() == mark:
            language, _, rest = info.strip().partition(" ")
            title = re.search(r'title="([^"]+)"', rest)
            found.append(Block(page, start, language, title and title[1], "\n".join(body) + "\n"))
            mark = ""
        elif mark:
            body.append(line)
    return found


def commands(block: Block) -> Iterator[list[str]]:
    """Words of each gbbgky command in a block of shell, behind the name of the program."""
    if block.language not in ("sh", "console"):
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for i, word in enumerate(words):
            if (word == "gbbgky" or word.endswith("bin/gbbgky")) and i + 1 < len(words) and "..." not in words:
                end = next((j for j, w in enumerate(words[i:], i) if w in ("|", "&&", "||", ">", "&", ";")), len(words))
                yield words[i + 1 : end]
                break


def reduction(arguments: list[str]) -> list[str]:
    """What is put behind a command of gbbgky so that it takes seconds."""
    command, case = arguments[0], Path(arguments[1]).stem if len(arguments) > 1 else ""
    if command not in ("run", "kinetic", "md", "flow") or "--dry-run" in arguments:
        return []
    small = [*REDUCED.get(case, COARSE), *(FEW if command == "md" else ())]
    if "--from" in arguments:  # the end of another run, which was as long
        small.append("time={end=20.0}")
    end = next(text[len("time={end=") : -1] for text in reversed(small) if text.startswith("time="))
    times = end if "--from" in arguments else f"0.0, {end}"
    small += [f"output.snapshots_at=[{times}]", "output.series_every=0.5"]
    return [word for assignment in small for word in ("--set", assignment)]


def prepare(folder: Path) -> dict[str, str]:
    """What a checkout has where its reader stands, in ``folder``; the environment of commands there."""
    (folder / "runs").mkdir()
    for path in (ROOT / "runs").iterdir():
        if path.is_file():
            shutil.copy(path, folder / "runs" / path.name)
    for name in ("benchmarks", "docs"):
        (folder / name).symlink_to(ROOT / name)
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    python = shlex.quote(sys.executable)
    for name, what in (
        ("gbbgky", f"{python} {shlex.quote(str(ROOT / 'docs' / 'follow.py'))} gbbgky"),
        ("python", python),
    ):
        (binaries / name).write_text(f'#!/bin/sh\nexec {what} "$@"\n')
        (binaries / name).chmod(0o755)
    started = ("OMPI_", "PMIX_", "ORTE_", "PRTE_")  # by an MPI that the commands are not part of
    kept = {k: v for k, v in os.environ.items() if not k.startswith(started)}
    return kept | {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_mpi_yield_when_idle": "1",
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def follow(page: Path, folder: Path, by_the_letter: bool) -> int:
    """Run the blocks of a page in ``folder``, which is empty; the number of those that were run or written.

    Raises
    ------
    RuntimeError
        If a block fails, with its place and what it said.
    """
    environment = prepare(folder) | ({} if by_the_letter else {"GBBGKY_DOCS_REDUCED": "1"})
    done = 0
    with Session(folder, environment) as session:
        for block in blocks(page):
            if block.title:
                (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
                (folder / block.title).write_text(block.text)
            elif block.language == "sh":
                _run(block, folder, environment)
            elif block.language == "python":
                session.run(block)
            else:
                continue
            done += 1
    return done


class Session:
    """A Python process in ``folder`` that keeps its names from block to block; started when the first one comes."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._where = {"cwd": folder, "env": environment}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def run(self, block: Block) -> None:
        """Execute a block; raises `RuntimeError` with its traceback, or when it takes too long."""
        if self._process is None:
            command = [sys.executable, str(Path(__file__).resolve()), "python"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, **self._where)
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([block.place, block.text]), file=self._process.stdin, flush=True)
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            raise RuntimeError(f"{block.place}: not done within {PATIENCE} s")
        answer = self._process.stdout.readline()
        if not answer or (failure := json.loads(answer)):
            raise RuntimeError(f"{block.place}: {failure if answer else 'ended Python'}")


def _python() -> None:
    """The other side of `Session`: what blocks print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    names: dict[str, object] = {"__name__": "__main__"}
    for line in sys.stdin:
        place, text = json.loads(line)
        failure = ""
        try:
            exec(compile(text, place, "exec"), names)
        except BaseException:
            failure = traceback.format_exc()
        print(json.dumps(failure), file=answers, flush=True)


def _run(block: Block, folder: Path, environment: dict[str, str]) -> None:
    shell = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", block.text], cwd=folder, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = shell.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{block.place}: not done within {PATIENCE} s\n{block.text}") from None
    finally:
        if shell.poll() is None:  # and what it started
            os.killpg(shell.pid, signal.SIGKILL)
            shell.communicate()
    if shell.returncode:
        raise RuntimeError(f"{block.place}: ended with code {shell.returncode}\n{block.text}\n{said[-2000:]}")


def _gbbgky(arguments: list[str]) -> None:
    """The command line in a page that is followed."""
    if os.environ.get("GBBGKY_DOCS_REDUCED"):
        arguments = [*arguments, *reduction(arguments)]
    os.execv(sys.executable, [sys.executable, "-m", "gbbgky_petsc", *arguments])


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["gbbgky"]:
        _gbbgky(arguments[1:])
    if arguments == ["python"]:
        _python()
        return
    for page in map(Path, arguments):
        with tempfile.TemporaryDirectory() as name:
            done = follow(page.resolve(), Path(name), by_the_letter=True)
            shown = re.findall(r"!\[[^\]]*\]\((pictures/[^)]+)\)", page.read_text())
            for picture in shown:
                target = page.parent / picture
                target.parent.mkdir(exist_ok=True)
                shutil.copy(Path(name) / target.name, target)
            print(f"{page}: {done} blocks, {len(shown)} pictures")


if __name__ == "__main__":
    main(sys.argv[1:])
