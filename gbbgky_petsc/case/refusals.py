"""What a rejected case says: one line for each thing wrong, 'key = value: reason; allowed: ...'."""

from typing import Any

from gbbgky_petsc.case.section import Section
from gbbgky_petsc.case.whole import Case

_KINDS = {"model", "potential", "state", "trap"}


def one_line(tree: dict[str, Any], item: Any) -> str:
    """One validation error as 'key = value: reason'."""
    location = [str(part) for part in item["loc"]]
    if len(location) > 1 and location[0] in _KINDS:
        del location[1]  # pydantic names the chosen kind here
    key = ".".join(location) or "case"
    value: Any = tree
    for part in location:
        value = value.get(part) if isinstance(value, dict) else None
    reason = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        allowed = ", ".join(_allowed_keys(tree, location[:-1]))
        reason = f"unknown key; allowed: {allowed}"
    elif item["type"] == "union_tag_not_found":
        return f"{key}.kind: missing; allowed: {_tags(location[0])}"
    elif item["type"] == "union_tag_invalid":
        kind = value.get("kind") if isinstance(value, dict) else value
        return f"{key}.kind = {kind!r}: unknown; allowed: {_tags(location[0])}"
    if item["type"] == "missing":
        return f"{key}: missing"
    return f"{key} = {value!r}: {reason}" if not isinstance(value, dict) else f"{key}: {reason}"


def _variants(table: str) -> dict[str, type[Section]]:
    annotation: Any = Case.model_fields[table].annotation
    kinds = annotation.__args__
    if type(None) in kinds:  # an optional table: its union is the first of the two
        kinds = kinds[0].__origin__.__args__
    return {kind.model_fields["kind"].annotation.__args__[0]: kind for kind in kinds}


def _tags(table: str) -> str:
    return ", ".join(_variants(table))


def _allowed_keys(tree: dict[str, Any], location: list[str]) -> list[str]:
    if not location:
        return list(Case.model_fields)
    table = location[0]
    if table in _KINDS:
        return list(_variants(table)[tree[table]["kind"]].model_fields)
    annotation: Any = Case.model_fields[table].annotation
    section = next(kind for kind in (annotation, *getattr(annotation, "__args__", ())) if hasattr(kind, "model_fields"))
    return list(section.model_fields)
