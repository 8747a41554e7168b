"""The event types and groups that the form of a webhook offers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.events.catalogue import KnownType
from app.webhooks.patterns import groups_of

EVERYTHING = "*"
OTHER = "Other patterns of this webhook"


@dataclass(frozen=True, slots=True)
class Choice:
    """One checkbox: a pattern and what it stands for."""

    pattern: str
    note: str
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class ChoiceGroup:
    """The checkboxes under one heading."""

    title: str
    choices: Sequence[Choice]


def choice_groups(known: Sequence[KnownType], chosen: Sequence[str]) -> list[ChoiceGroup]:
    """Return all checkboxes by category: groups such as `post.*` first, then their types.

    Chosen patterns that no checkbox stands for come last, so that saving the form keeps them.
    """
    by_category: dict[str, list[Choice]] = {
        "Everything": [Choice(EVERYTHING, "All types, those to come too; not signalbox.*", True)]
    }
    groups = [pattern for pattern in groups_of([one.name for one in known]) if pattern != EVERYTHING]
    for one in known:
        choices = by_category.setdefault(one.category, [])
        group = f"{one.name.partition('.')[0]}.*"
        if group in groups:
            groups.remove(group)
            choices.append(Choice(group, f"All types that begin with {group[:-1]} and those to come", True))
        choices.append(Choice(one.name, one.description))
    offered = {choice.pattern for choices in by_category.values() for choice in choices}
    other = [Choice(pattern, "") for pattern in chosen if pattern not in offered]
    if other:
        by_category[OTHER] = other
    return [
        ChoiceGroup(title, sorted(choices, key=lambda choice: not choice.is_group))
        for title, choices in by_category.items()
    ]
