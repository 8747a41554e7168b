"""The documents say what the code does."""

import re
from pathlib import Path

from flask import Flask

from app.config import PROJECT_DIR, Settings
from app.wiring import FEATURES

DOCS_DIR = PROJECT_DIR / "docs"
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    table = (DOCS_DIR / "configuration.md").read_text()
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]

    documented = {name for cell in rows for name in re.findall(r"`([A-Z_]+)`", cell)}

    assert documented == {name.upper() for name in Settings.model_fields}


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for document in [*PROJECT_DIR.glob("*.md"), *DOCS_DIR.rglob("*.md")]:
        for target in _LINK.findall(document.read_text()):
            if not (document.parent / target).exists():
                broken.append(f"{document.relative_to(PROJECT_DIR)} → {target}")

    assert broken == []


def test_commands_that_documents_name_exist(app: Flask) -> None:
    known = {
        f"{group.name} {name}"
        for feature in FEATURES
        for group in feature.commands
        for name in group.commands
    } | {
        "db upgrade",
        "db migrate",
    }

    named = set()
    for document in _documents():
        named |= {" ".join(match) for match in re.findall(r"flask ([a-z-]+) ([a-z-]+)", document.read_text())}

    assert named
    assert named <= known


def test_every_decision_is_listed() -> None:
    index = (DOCS_DIR / "adr" / "README.md").read_text()

    files = {path.name for path in (DOCS_DIR / "adr").glob("0*.md")}

    assert files == set(re.findall(r"\((0[^)]+\.md)\)", index))


def _documents() -> list[Path]:
    return [*PROJECT_DIR.glob("*.md"), *DOCS_DIR.rglob("*.md")]
