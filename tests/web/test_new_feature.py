"""A feature built by docs/contributing/adding-a-feature.md needs its own folder and one line; what breaks a rule is refused."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config import PROJECT_DIR

#: One of the packages to come: its place in the layers is there.
PACKAGE = "inbound"
FILES = {
    "__init__.py": '"""Parcels that arrive."""\n',
    "models.py": """
        from sqlalchemy.orm import Mapped, mapped_column
        from app.db.base import Base
        from app.db.types import Id


        class Parcel(Base):
            __tablename__ = "parcels"
            id: Mapped[str] = mapped_column(Id, primary_key=True)
            team_id: Mapped[str] = mapped_column(Id)
    """,
    "queries.py": """
        from sqlalchemy import select
        from app.extensions import db
        from app.inbound.models import Parcel


        def list_parcels(team_id: str) -> list[str]:
            return list(db.session.scalars(select(Parcel.id).where(Parcel.team_id == team_id)))
    """,
    "jobs.py": """
        def trim() -> None:
            return None
    """,
    "views.py": """
        from app.inbound import queries
        from app.web.access import current_team, require
        from app.web.schemes import Pages

        parcels = Pages("parcels", __name__, url_prefix="/t/<team>/parcels")


        @parcels.get("/")
        @require("parcels:read")
        def index() -> str:
            return ", ".join(queries.list_parcels(current_team().id))
    """,
    "feature.py": """
        from app.inbound.views import parcels
        from app.jobs.table import Job
        from app.web.features import Feature, NavigationEntry, Section, Tab
        from app.web.permissions import Permission, PermissionGroup, Role

        FEATURE = Feature(
            name="inbound",
            models=("app.inbound.models",),
            pages=(parcels,),
            navigation=(
                NavigationEntry(
                    section=Section.RECEIVING, label="Parcels", icon="send", position=10,
                    tabs=(Tab("Parcels", "parcels.index", "parcels:read"),),
                ),
            ),
            jobs=(Job(name="inbound.trim", path="app.inbound.jobs.trim", every_s=600),),
            permissions=(Permission("parcels:read", "See parcels", PermissionGroup.CONNECTIONS, Role.VIEWER),),
        )
    """,
}
START = """
import secrets, sys
from app.config import load_settings
from app.factory import create_app

app = create_app(load_settings(
    app_env="test", data_dir=sys.argv[1], secret_key=secrets.token_urlsafe(48), encryption_key=secrets.token_urlsafe(48)
))
print([rule.rule for rule in app.url_map.iter_rules() if rule.endpoint == "parcels.index"])
"""


def dedent(source: str) -> str:
    """Return the source without the indentation of this file."""
    return "\n".join(line[8:] if line.startswith(" " * 8) else line for line in source.splitlines()) + "\n"


class Tree:
    """A copy of the application with the new package."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        shutil.copytree(PROJECT_DIR / "app", directory / "app", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "worker.py"):
            shutil.copy(PROJECT_DIR / name, directory)
        for name in ("templates", "static"):
            (directory / name).symlink_to(PROJECT_DIR / name)
        self.package = directory / "app" / PACKAGE
        self.package.mkdir()
        for name, source in FILES.items():
            (self.package / name).write_text(dedent(source) if source.startswith("\n") else source)
        wiring = directory / "app" / "wiring.py"
        first, rest = wiring.read_text().split("FEATURES: tuple[Feature, ...] = (\n", 1)
        line = "from app.inbound.feature import FEATURE as INBOUND\n"
        wiring.write_text(
            first.replace("from app.jobs", f"{line}from app.jobs", 1)
            + "FEATURES: tuple[Feature, ...] = (\n    INBOUND,\n"
            + rest
        )

    def change(self, name: str, change: Callable[[str], str]) -> None:
        """Rewrite a file of the new package."""
        path = self.package / name
        path.write_text(change(path.read_text()))

    def start(self) -> subprocess.CompletedProcess[str]:
        """Make the app, in a process of its own."""
        return self._run([sys.executable, "-c", START, str(self.directory / "data")])

    def check_imports(self) -> subprocess.CompletedProcess[str]:
        """Check the import rules, as `make check` does."""
        return self._run([str(Path(sys.executable).with_name("lint-imports")), "--no-cache"])

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, cwd=self.directory, capture_output=True, text=True, timeout=110)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_feature_by_the_guide_starts_and_keeps_the_import_rules(tree: Tree) -> None:
    started, imports = tree.start(), tree.check_imports()

    assert started.stdout.strip() == "['/t/<team>/parcels/']", started.stderr
    assert imports.returncode == 0, imports.stdout


@pytest.mark.parametrize(
    ("name", "line", "contract"),
    [
        ("queries.py", "import pycurl", "One door out"),
        ("models.py", "from app.inbound.queries import list_parcels", "Roles inside a feature"),
        ("queries.py", "from app.dashboard import queries", "Features import only what lies below"),
    ],
)
def test_an_import_that_breaks_a_rule_is_refused(tree: Tree, name: str, line: str, contract: str) -> None:
    tree.change(name, lambda source: f"{line}\n{source}")

    imports = tree.check_imports()

    assert imports.returncode != 0
    broken = [shown for shown in imports.stdout.splitlines() if " BROKEN" in shown]
    assert any(shown.startswith(contract) for shown in broken), imports.stdout


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("views.py", '@require("parcels:read")\n', "", "has none of the marks"),
        ("views.py", 'Pages("parcels"', '__import__("flask").Blueprint("parcels"', "has no scheme"),
        (
            "feature.py",
            'Permission("parcels:read"',
            'Permission("parcels:other"',
            "which no feature declares",
        ),
        ("feature.py", '"inbound.trim"', '"audit.trim"', "two jobs are named audit.trim"),
    ],
)
def test_a_feature_that_does_not_fit_does_not_start(
    tree: Tree, name: str, before: str, after: str, words: str
) -> None:
    tree.change(name, lambda source: source.replace(before, after, 1))

    started = tree.start()

    assert started.returncode != 0
    assert words in started.stderr
