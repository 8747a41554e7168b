"""A value for every parameter of every route: each feature's tests give theirs in `tests/<feature>/samples.py`."""

from importlib import import_module
from importlib.util import find_spec

import pytest
from flask import Flask

from app.extensions import db
from app.wiring import FEATURES
from tests.people import People


@pytest.fixture
def samples(app: Flask, people: People) -> dict[str, str]:
    """Return a value for every parameter of every route; objects belong to acme and exist."""
    values: dict[str, str] = {}
    with app.app_context():
        for feature in FEATURES:
            # A feature may refer to objects of an earlier one: a delivery to its event.
            name = f"tests.{feature.name}.samples"
            if find_spec(f"tests.{feature.name}") is not None and find_spec(name) is not None:
                values |= import_module(name).add_samples(people, values)
        db.session.commit()
        db.session.remove()
    return values
