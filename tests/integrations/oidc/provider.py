"""Installs `oidc-provider` once, outside of the tree, and runs it."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from tests.webhooks.dispatch.programs import free_port

_HERE = Path(__file__).resolve().parent
_FILES = ("package.json", "package-lock.json", "provider.mjs")
#: What the pinned version runs on, and what Debian 12 has. Version 9 of it needs a newer one.
NODE_MAJOR_MIN = 18
CLIENT_ID, CLIENT_SECRET = "signalbox", "a-secret-of-the-tests-32-characters"
HOW_TO_GET_NODE = f"install Node {NODE_MAJOR_MIN} or newer with npm: apt-get install nodejs npm"


class NodeMissing(Exception):
    """The provider cannot run here. The text says what to do."""


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """A running provider."""

    url: str

    def stats(self) -> dict[str, int]:
        """Return how many refreshes were granted and refused, grants revoked, and token requests received."""
        with urllib.request.urlopen(f"{self.url}/control/stats", timeout=10) as answer:
            return dict(json.load(answer))

    def hold(self, *, before_ms: int = 0, after_ms: int = 0) -> None:
        """Delay token requests before they are processed, or their answers."""
        address = f"{self.url}/control/hold?before={before_ms}&after={after_ms}"
        with urllib.request.urlopen(address, timeout=10):
            pass

    def consent(self, address: str) -> str:
        """Sign in and agree as a browser does; return the address that it is sent back to."""
        with requests.Session() as browser:
            answer = browser.get(address, allow_redirects=False, timeout=10)
            for _ in range(12):
                while answer.is_redirect:
                    location = urljoin(answer.url, answer.headers["Location"])
                    if not location.startswith(self.url):
                        return location
                    answer = browser.get(location, allow_redirects=False, timeout=10)
                assert answer.status_code == 200, answer.text
                form = _Form(answer.text)
                fields = {"login": "alice", "password": "any", **form.fields}
                action = urljoin(answer.url, form.action)
                answer = browser.post(action, data=fields, allow_redirects=False, timeout=10)
        raise AssertionError("the provider never sent the browser back")


class _Form(HTMLParser):
    """The first form of a page: its action and hidden fields."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form" and not self.action:
            self.action = found.get("action") or ""
        if tag == "input" and found.get("type") == "hidden":
            self.fields[found.get("name") or ""] = found.get("value") or ""


def installed() -> Path:
    """Return the directory with the provider; the first call installs the versions of the lock file. Raises NodeMissing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NodeMissing(f"There is no Node here: {HOW_TO_GET_NODE}")
    version = subprocess.run((node, "--version"), capture_output=True, text=True, check=True).stdout
    major = re.match(r"v(\d{1,4})\.", version)
    if major is None or int(major[1]) < NODE_MAJOR_MIN:
        raise NodeMissing(f"Node {version.strip()} is too old: {HOW_TO_GET_NODE}")
    digest = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _FILES)).hexdigest()[:16]
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "signalbox-tests"
    directory = base / f"oidc-{digest}"
    if directory.is_dir():
        return directory
    base.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base) as made:
        for name in _FILES:
            shutil.copy(_HERE / name, made)
        try:
            done = subprocess.run(
                (npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
                cwd=made,
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NodeMissing("npm ci did not end: is the package index reached?") from None
        if done.returncode != 0:
            raise NodeMissing(f"npm ci failed, which needs the package index once: {done.stderr[-300:]}")
        # Another process may have been quicker.
        with contextlib.suppress(OSError):
            Path(made).rename(directory)
            Path(made).mkdir()
    return directory


@contextlib.contextmanager
def provider_running(redirect_uri: str, port: int | None = None) -> Iterator[OidcProvider]:
    """Run the provider on a port of loopback, a free one if none is given. Raises NodeMissing."""
    directory, port = installed(), port or free_port()
    argv = ("node", str(directory / "provider.mjs"), str(port), CLIENT_ID, CLIENT_SECRET, redirect_uri)
    with subprocess.Popen(
        argv,
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "listening" in line:
                break
        else:
            raise AssertionError("".join(printed))
        try:
            yield OidcProvider(f"http://127.0.0.1:{port}")
        finally:
            process.kill()


def path_of(address: str) -> str:
    """Return path and query of an address."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"
