"""The documentation: every block of code runs or says that it does not, every link and name leads somewhere.

`make docs-test` follows all pages (marker ``docs``); here, what takes seconds.
"""

import ast
import re
import time
import tomllib
import types
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import follow
import gallery
import pytest
import sources
from pydantic import BaseModel

from gbbgky_petsc import case as case_file
from gbbgky_petsc import cli, shipped
from gbbgky_petsc.errors import InputError

ROOT = Path(__file__).parent.parent


MKDOCS = (ROOT / "mkdocs.yml").read_text()
PAGES = follow.pages()
BLOCKS = [block for page in PAGES for block in follow.blocks(page)]
#: pages that `make test` follows too
QUICK = ("api.md",)


def name_of(page):
    return str(page.relative_to(ROOT))


def prose(page):
    """The text of a page without its blocks of code."""
    return sources.FENCE.sub("", page.read_text())


# --- blocks ---


def test_blocks_say_what_they_are():
    wrong = [
        b.place
        for b in BLOCKS
        if b.language not in follow.LANGUAGES or (b.title and b.language not in ("toml", "python"))
    ]
    assert not wrong
    long = [b.place for b in BLOCKS if b.language == "sh" and any(c[0] == "validate" for c in follow.commands(b))]
    assert not long  # hours: console


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_code_without_a_fence(page):
    text = re.sub(r"^\s*[-*] .*(?:\n .*)*", "", prose(page), flags=re.MULTILINE)
    assert not re.search(r"(?:^|\n)\s*\n    (?![-*|\s])\S", text)


def test_files_written_by_pages_are_well_formed():
    for block in BLOCKS:
        if block.language == "python":
            ast.parse(block.text)
        elif block.language == "toml":
            for table, values in tomllib.loads(block.text).items():
                known = keys(table)
                assert known is not None and (not known or set(values) <= known), block.place


def written(page, folder):
    for block in follow.blocks(page):
        if block.title:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(list(follow.commands(b)) for b in follow.blocks(p))], ids=name_of
)
def test_commands_are_accepted(page, tmp_path, monkeypatch):
    """Every gbbgky command of a page, also of those that are not run: its arguments, case and keys."""
    written(page, tmp_path)
    (tmp_path / "runs").symlink_to(ROOT / "runs")
    monkeypatch.chdir(tmp_path)
    parser = cli.parser()
    for block in follow.blocks(page):
        for words in follow.commands(block):
            if any("$" in w for w in words):
                continue  # of a script, which is run
            own, petsc = cli.split_arguments(words)
            arguments = parser.parse_args(own)
            assert not petsc or arguments.command in cli.TAKES_PETSC, block.place
            if getattr(arguments, "set", None) is not None:
                scans = [text.split(":")[0] for text in getattr(arguments, "scan", [])]
                try:
                    case_file.load(shipped.find_case(arguments.case), [*arguments.set, *scans])
                except InputError as error:  # blocks that are run may make their files
                    if block.language != "sh" or not re.search("No such file|cannot be read", str(error)):
                        raise


def test_a_wrong_command_is_seen():
    for words in (["run", "fig2_phi6", "--at", "3"], ["fly", "fig2_phi6"]):
        with pytest.raises(InputError):
            cli.parser().parse_args(words)
    block = follow.Block(
        ROOT / "README.md", 1, "sh", None, "mpirun -n 2 .venv/bin/gbbgky run a.toml \\\n  --set x=1 # no\nls\n"
    )
    assert list(follow.commands(block)) == [["run", "a.toml", "--set", "x=1"]]


def test_a_failing_block_is_seen(tmp_path):
    page = ROOT / "README.md"
    with follow.Session(tmp_path, follow.prepare(tmp_path)) as session:
        session.run(follow.Block(page, 1, "python", None, "print('x'); a = 1\n"))
        session.run(follow.Block(page, 2, "python", None, "assert a == 1\n"))
        with pytest.raises(RuntimeError, match=r"README.md:3: (.|\n)*NameError"):
            session.run(follow.Block(page, 3, "python", None, "b\n"))


@pytest.mark.parametrize(
    ("language", "text"), [("python", "import time; time.sleep(60)\n"), ("sh", "sleep 60 | cat\n")]
)
def test_a_block_that_takes_too_long_is_seen(language, text, tmp_path, monkeypatch):
    """By the letter of a page of one block; nothing of it is left running."""
    page = ROOT / "docs" / "of_one_block.md"
    monkeypatch.setattr(follow, "blocks", lambda _: [follow.Block(page, 1, language, None, text)])
    monkeypatch.setattr(follow, "PATIENCE", 0.5)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match=r"of_one_block.md:1: not done within 0.5 s"):
        follow.follow(page, tmp_path, by_the_letter=True)
    assert time.monotonic() - began < 30.0


@pytest.mark.parametrize("page", [p for p in PAGES if p.name in QUICK], ids=name_of)
def test_quick_pages(page, tmp_path):
    assert follow.follow(page, tmp_path, by_the_letter=True)


@pytest.mark.docs
@pytest.mark.parametrize(
    "page", [p for p in PAGES if any(b.language in ("sh", "python") for b in follow.blocks(p))], ids=name_of
)
def test_pages(page, tmp_path):
    """Tutorials and how-to pages by the letter, the pictures they show among what they make; others at reduced size."""
    assert follow.follow(page, tmp_path, by_the_letter=page.parent.name in ("tutorials", "howto"))
    if page.parent.name == "tutorials":
        for picture in re.findall(r"!\[[^\]]*\]\(pictures/([^)]+)\)", page.read_text()):
            assert (tmp_path / picture).is_file(), picture


# --- links ---


@cache
def anchors(path):
    """What # may be followed by in a link to a file: slugs of headings as MkDocs makes them, or definitions."""
    if path.suffix != ".md":
        return sources.anchors(path)
    headings = re.findall(r"^#+ (.*)$", sources.FENCE.sub("", path.read_text()), re.MULTILINE)
    slugs = set()
    for heading in headings:
        plain = re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading)
        slugs.add(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower()))
    return slugs


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=name_of)
def test_links_lead_somewhere(page):
    for match in sources.links(page.read_text()):
        address, _, anchor = match["target"].partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        target = (page.parent / address).resolve() if address else page
        generated = target.name == "changelog.md"
        assert generated or target.exists(), f"{page.name}: {match['target']}"
        assert ROOT in (target, *target.parents)
        if anchor:
            assert anchor in anchors(target), f"{page.name}: {match['target']}"


def test_every_page_is_in_the_navigation():
    """What `make docs` would end with."""
    listed = re.findall(r"^\s+- (?:\w+: )?([\w/-]+\.md)$", MKDOCS, re.MULTILINE)
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if ROOT / "docs" in page.parents}
    assert pages | {"changelog.md"} == set(listed)


def test_sources_are_shown_whole():
    """The pages that the site makes of source files hold every line once, under a heading for each definition."""
    path = ROOT / "gbbgky_petsc" / "terms" / "streaming.py"
    page = sources.shown(path, "streaming")
    assert "### Streaming.add { #Streaming.add }" in page
    code = "\n".join(re.findall(r"^`{5}python.*?\n(.*?)\n`{5}$", page, re.MULTILINE | re.DOTALL))
    assert [x for x in code.splitlines() if x.strip()] == [x for x in path.read_text().splitlines() if x.strip()]
    assert sources.outside("howto/memory.md", "../../runs/thermal.toml") == ("runs/thermal.toml", "")
    assert sources.outside("theory.md", "models.md#states") is None and sources.outside("a.md", "https://x.org") is None
    assert [m["target"] for m in sources.links("[a](b.md) `x`\n```text\n[c](d)\n```\n")] == ["b.md"]


# --- names ---

SUFFIXES = (".py", ".toml", ".md", ".png", ".json", ".sh", ".npz", ".yaml")
#: code in prose: a key of a case, a command, something of the package
KEY = re.compile(r"(?:--set )?([a-z]+)\.([a-z_]+)(?:$|[ =.])")
COMMAND = re.compile(r"gbbgky ([a-z]+)")
DOTTED = re.compile(r"gbbgky_petsc(\.\w+)+$")


def code_words(page):
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", prose(page))


def test_there_are_names_to_be_held():
    """Patterns that match nothing any more would hold nothing."""
    words = [word for page in PAGES for word in code_words(page)]
    assert sum("/" in word and word.endswith(SUFFIXES) for word in words) > 50
    assert sum(bool((match := KEY.match(word)) and keys(match[1])) for word in words) > 20
    assert sum(bool(COMMAND.match(word)) for word in words) > 40
    assert any(DOTTED.match(word) for word in words)
    assert {"python", "toml", "sh"} <= {block.language for block in BLOCKS if block.page.parent.name == "tutorials"}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page):
    bases = (ROOT, ROOT / "gbbgky_petsc", ROOT / "docs", page.parent)
    for word in code_words(page):
        path = word.split("#")[0]
        if "/" not in path or not path.endswith(SUFFIXES) or re.search(r"[A-Z*{ ]|results/|^[/~]", path):
            continue  # a placeholder, or what a command makes
        assert any((base / path).exists() for base in bases), f"{page.name}: {word}"


def sections(annotation):
    """Pydantic models in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Annotated, Union, types.UnionType, list, dict):
        return [found for part in get_args(annotation) for found in sections(part)]
    return []


@cache
def keys(table):
    """Keys that a table may have, whatever its kind."""
    field = case_file.Case.model_fields.get(table)
    return None if field is None else {key for s in sections(field.annotation) for key in s.model_fields}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_keys_that_are_named_exist(page):
    for word in code_words(page):
        if match := KEY.match(word):
            known = keys(match[1])
            assert not known or match[2] in known or word.endswith((".py", ".toml", ".md")), f"{page.name}: {word}"


def test_every_key_of_a_case_is_explained():
    """docs/cases.md has them all, by table."""
    assert keys("md") >= {"ring", "step"} and keys("model") >= {"length", "coupling"} and keys("nonsense") is None
    text = (ROOT / "docs" / "cases.md").read_text()
    parts: dict[str, str] = dict(re.findall(r"^## `\[(\w+)\]`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    own: Any = case_file.Case.model_fields
    for table in own:
        known = keys(table)
        assert not known or table in parts, table
        assert [key for key in known or () if f"`{key}`" not in parts[table]] == [], table


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_and_flags_that_are_named_exist(page):
    parser = cli.parser()
    commands = parser._subparsers._group_actions[0].choices
    flags = {flag for p in commands.values() for flag in p._option_string_actions} | {"--resume=auto", "--version"}
    for word in code_words(page):
        if match := COMMAND.match(word):
            assert match[1] in commands, f"{page.name}: {word}"
            assert {w for w in word.split() if re.match(r"--[a-z]", w)} <= flags, f"{page.name}: {word}"


def test_names_in_the_package_exist():
    """`gbbgky_petsc.a.b.C` in prose is a module or something defined in one."""
    for page in PAGES:
        for word in code_words(page):
            if not DOTTED.match(word):
                continue
            parts = word.split(".")
            for cut in range(len(parts), 0, -1):
                path = ROOT.joinpath(*parts[:cut])
                file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
                if file.is_file():
                    rest = ".".join(parts[cut:])
                    text = file.read_text()
                    assert not rest or rest in sources.definitions(text) or re.search(rf"\b{rest}\b", text), word
                    break
            else:
                raise AssertionError(word)


# --- gallery ---


def test_the_gallery_has_every_case():
    """docs/gallery.md is what docs/gallery.py writes, with a picture each; its changes are keys of the case."""
    assert (ROOT / "docs" / "gallery.md").read_text() == gallery.page()
    assert set(gallery.SMALLER) <= set(shipped.cases())
    for name in shipped.cases():
        assert (ROOT / "docs" / "gallery" / f"{name}.png").is_file(), f"{name}: make gallery"
