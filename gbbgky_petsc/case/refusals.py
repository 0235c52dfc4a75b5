"""What a rejected case says: one line for each thing wrong, 'key = value: reason; allowed: ...'."""

from typing import Any, get_args

from gbbgky_petsc.case.section import Section, shortened
from gbbgky_petsc.case.whole import Case


def one_line(tree: dict[str, Any], item: Any) -> str:
    """One validation error as 'key = value: reason'."""
    location = _without_kinds(tree, [str(part) for part in item["loc"]])
    key = ".".join(location) or "case"
    value = _value(tree, location)
    reason = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        allowed = ", ".join(_keys(tree, location[:-1]))
        reason = f"unknown key; allowed: {allowed}"
    elif item["type"] == "union_tag_not_found":
        return f"{key}.kind: missing; allowed: {', '.join(_variants(location))}"
    elif item["type"] == "union_tag_invalid":
        kind = value.get("kind") if isinstance(value, dict) else value
        return f"{key}.kind = {shortened(kind)}: unknown; allowed: {', '.join(_variants(location))}"
    if item["type"] == "missing":
        return f"{key}: missing"
    return f"{key} = {shortened(value)}: {reason}" if not isinstance(value, dict) else f"{key}: {reason}"


def _value(tree: Any, location: list[str]) -> Any:
    """What the case has there; None if nothing."""
    for part in location:
        if isinstance(tree, list):
            tree = tree[int(part)] if part.isdigit() else None
        else:
            tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def _without_kinds(tree: Any, location: list[str]) -> list[str]:
    """pydantic puts the chosen kind of a table behind its name."""
    kept: list[str] = []
    for part in location:
        here = _value(tree, kept)
        if not (isinstance(here, dict) and part not in here and here.get("kind") == part):
            kept.append(part)
    return kept


def _sections(location: list[str]) -> list[type[Section]]:
    """The sections that may stand at a place of the case; elements of a list are where the list is."""
    found: list[type[Section]] = [Case]
    for part in location:
        if not part.isdigit():
            fields = [kind.model_fields[part].annotation for kind in found if part in kind.model_fields]
            found = [kind for annotation in fields for kind in _within(annotation)]
    return found


def _within(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [kind for argument in get_args(annotation) for kind in _within(argument)]


def _variants(location: list[str]) -> dict[str, type[Section]]:
    return {get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in _sections(location)}


def _keys(tree: dict[str, Any], location: list[str]) -> list[str]:
    sections = _sections(location)
    if len(sections) > 1:
        return list(_variants(location)[_value(tree, location)["kind"]].model_fields)
    return list(sections[0].model_fields)
