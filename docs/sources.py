"""Links from the pages to files outside docs/, which the site shows itself, so that all links work without a network.

A page writes ``[Streaming.add](../gbbgky_petsc/terms/streaming.py#Streaming.add)``: a file of the repository and,
behind #, what is defined in it. Hosts of the repository open the file; the site has a page of it, cut at its
definitions, with a heading each. `tests/test_docs.py` holds every link against `anchors`; MkDocs does so again when it
builds (hooks below).
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: where the pages of sources are on the site
FOLDER = "source"
#: [text](target) and ![text](target)
LINK = re.compile(r"(?P<text>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<target>[^()\s]+)\)")
FENCE = re.compile(r"^(?P<mark>`{3,}).*?^(?P=mark)[ ]*$", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".toml": "toml", ".sh": "bash", ".cff": "yaml", ".yaml": "yaml", ".yml": "yaml"}
#: files of the repository that are pages of the site under another name
PAGES = {"CHANGELOG.md": "changelog.md"}


def definitions(source: str) -> dict[str, int]:
    """Classes, functions, methods and constants of a module, and their lines; in the order of lines."""
    found: dict[str, int] = {}

    def visit(nodes: list[ast.stmt], prefix: str) -> None:
        for node in nodes:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                found[prefix + node.name] = first
                if isinstance(node, ast.ClassDef):
                    visit(node.body, f"{prefix}{node.name}.")
            elif not prefix and isinstance(node, ast.Assign | ast.AnnAssign):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        found[target.id] = node.lineno

    visit(ast.parse(source).body, "")
    return found


def anchors(path: Path) -> set[str]:
    """What may stand behind # in a link to a file of the repository."""
    if path.suffix == ".py":
        return set(definitions(path.read_text()))
    return set()


def outside(page: str, target: str) -> tuple[str, str] | None:
    """Path in the repository and anchor of a link that leaves docs/ from the page docs/``page``, else None."""
    if re.match(r"[a-z]+:", target) or target.startswith("#"):
        return None
    address, _, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), address))
    return None if path == "docs" or path.startswith("docs/") else (path, anchor)


def links(markdown: str) -> Iterator[re.Match[str]]:
    """Links of a page that are not inside of code."""
    code = [m.span() for m in FENCE.finditer(markdown)]
    for match in LINK.finditer(markdown):
        if not any(start <= match.start() < end for start, end in code):
            yield match


def page_of(path: str) -> str:
    """The site's page for a file or folder of the repository."""
    return PAGES.get(path) or f"{FOLDER}/{path}.md"


def shown(path: Path, title: str) -> str:
    """The page of a source file or folder."""
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {title}\n\n"
    if path.is_dir():
        return head + "".join(f"## {p.name}\n\n{_code(p, p.read_text(), 1)}" for p in sorted(path.iterdir()))
    text = path.read_text()
    if path.suffix != ".py":
        return head + _code(path, text, 1)
    lines, found = text.splitlines(), definitions(text)
    cuts = [*found.values(), len(lines) + 1]
    parts = [_code(path, "\n".join(lines[: cuts[0] - 1]), 1)]
    for i, (name, first) in enumerate(found.items()):
        level = "##" + "#" * name.count(".")
        parts.append(f"{level} {name} {{ #{name} }}\n\n")
        parts.append(_code(path, "\n".join(lines[first - 1 : cuts[i + 1] - 1]), first))
    return head + "".join(parts)


def _code(path: Path, text: str, first: int) -> str:
    """A block of code whose lines are numbered from ``first`` on; nothing if it is empty."""
    language = LANGUAGES.get(path.suffix, "text")
    return f'`````{language} linenums="{first}"\n{text.rstrip()}\n`````\n\n' if text.strip() else ""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages of all sources that some page links to, and the changelog."""
    from mkdocs.structure.files import File

    wanted = {
        leaves[0]
        for file in files.documentation_pages()
        for match in links(file.content_string)
        if (leaves := outside(file.src_uri, match["target"]))
    }
    for path in sorted(wanted | set(PAGES)):
        source = ROOT / path
        if not source.exists():
            continue  # MkDocs warns of the link
        text = source.read_text() if path in PAGES else shown(source, path)
        files.append(File.generated(config, page_of(path), content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links that leave docs/ into links to the pages of sources."""
    here = page.file.src_uri
    if here.startswith(f"{FOLDER}/") or here in PAGES.values():
        return markdown
    for match in reversed(list(links(markdown))):
        leaves = outside(here, match["target"])
        if leaves:
            path, anchor = leaves
            there = posixpath.relpath(page_of(path), posixpath.dirname(here) or ".")
            whole = f"{match['text']}({there}{'#' + anchor if anchor else ''})"
            markdown = markdown[: match.start()] + whole + markdown[match.end() :]
    return markdown
