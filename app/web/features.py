"""What a feature consists of, declared in its `feature.py`; `app.wiring.FEATURES` lists them all."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import click
from flask import Blueprint, Flask
from flask_openapi import APIBlueprint
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from app.jobs.table import Job
from app.web.mails import MailKind
from app.web.permissions import Permission


class Section(StrEnum):
    """The titles of the navigation, in their order. Home stands above them, under no title."""

    HOME = ""
    SENDING = "Sending"
    RECEIVING = "Receiving"
    INTEGRATIONS = "Integrations"
    SHIPPING = "Shipping"
    MARKETPLACE = "Marketplace"
    TEAM = "Team"


@dataclass(frozen=True, slots=True)
class Tab:
    """A page beside others under one entry of the navigation; shown to those who have `permission`."""

    label: str
    endpoint: str
    permission: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationEntry:
    """A link of the navigation. It leads to the first of its tabs that the caller may see.

    Entries of one section stand in the order of `position`. Features that name the same entry share it: their tabs
    stand side by side, in the order of `position` too.
    """

    section: Section
    label: str
    icon: str
    tabs: tuple[Tab, ...]
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditObject:
    """A type of objects in the audit trail, and its page: `endpoint` takes `parameter`, which `column` holds.

    `key` is the object's id, as entries name it; `is_there`: which rows have a page, if not all.
    """

    type: str
    endpoint: str
    parameter: str
    key: InstrumentedAttribute[str]
    column: InstrumentedAttribute[str]
    team_id: InstrumentedAttribute[str]
    is_there: ColumnElement[bool] | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription to a feature below: `subscribe(app, callback)` is called at the start."""

    subscribe: Callable[[Flask, Any], None]
    callback: Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """All that a feature package announces. `models` are the modules whose tables belong to it."""

    name: str
    models: tuple[str, ...] = ()
    pages: tuple[Blueprint, ...] = ()
    apis: tuple[APIBlueprint, ...] = ()
    navigation: tuple[NavigationEntry, ...] = ()
    jobs: tuple[Job, ...] = ()
    mails: tuple[MailKind, ...] = ()
    permissions: tuple[Permission, ...] = ()
    audit_objects: tuple[AuditObject, ...] = ()
    commands: tuple[click.Group, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    #: Called with the app before its pages are registered, for everything not covered above.
    connect: Callable[[Flask], None] | None = None
