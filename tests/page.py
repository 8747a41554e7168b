"""Reads pages as a browser would and checks what holds for every page.

def test_member_list(people, page):
    members = page.get("/t/acme/members", people.alice)
    assert members.has_text("mel@example.com")
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask

from tests.people import Person, Visitor

_CONTROLS = ("input", "select", "textarea")
_NO_LABEL_NEEDED = ("hidden", "submit", "button", "image", "reset")
#: HTML fragments are parsed in the context of the element that they land in.
_CONTAINERS = {"tr": "tbody", "tbody": "table", "td": "tr", "option": "select", "li": "ul"}
#: Forms of every page, whose repetition does no harm.
_FORMS_WITHOUT_ONE_TIME_TOKEN = ("/theme", "/sign-out")
_HX_TARGET_KEYWORDS = ("this", "closest ", "find ", "next", "previous", "body")


class Document:
    """A parsed page or fragment."""

    def __init__(self, html: str, root: Element, status: int, headers: Any) -> None:
        self.html = html
        self.root = root
        self.status = status
        self.headers = headers

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Return the elements of this tag with these attributes (`class_` matches one of the classes)."""
        wanted_class = attributes.pop("class_", None)
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.root.iter(tag)
            if all(element.get(name) == value for name, value in wanted.items())
            and (wanted_class is None or wanted_class in element.get("class", "").split())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        """Return the only such element."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} elements {tag} {attributes}"
        return found[0]

    def by_id(self, element_id: str) -> Element:
        """Return the element with this id."""
        found = [element for element in _elements(self.root) if element.get("id") == element_id]
        assert found, f"nothing has the id {element_id}"
        return found[0]

    def text(self, element: Element | None = None) -> str:
        """Return the visible text with single spaces."""
        return " ".join("".join(_texts(self.root if element is None else element)).split())

    def has_text(self, text: str) -> bool:
        """Return whether the visible text contains this."""
        return " ".join(text.split()) in self.text()

    def links(self) -> list[str]:
        """Return the addresses of all links."""
        return [element.get("href", "") for element in self.root.iter("a")]

    def form(self, action: str) -> Element:
        """Return the form that is sent to this path."""
        found = [form for form in self.root.iter("form") if urlsplit(form.get("action", "")).path == action]
        assert found, (
            f"no form is sent to {action}; there are {[f.get('action') for f in self.root.iter('form')]}"
        )
        return found[0]

    def error_of(self, field_id: str) -> str:
        """Return the error that is tied to a field, or an empty string."""
        for element in _elements(self.root):
            if element.get("id") == f"{field_id}-error":
                return self.text(element)
        return ""


class Page:
    """Fetches and checks pages."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def get(self, url: str, visitor: Person | Visitor | None = None, *, status: int = 200) -> Document:
        """Get the page as this person (None: somebody without a session) and check it."""
        answer = self._visitor(visitor).get(url)
        assert answer.status_code == status, (
            f"GET {url}: {answer.status_code} {answer.get_data(as_text=True)[:500]}"
        )
        return self.read(answer)

    def read(self, answer: Any) -> Document:
        """Check a page that came as the answer to a form."""
        document = _parsed(answer)
        check_page(document)
        return document

    def fragment(
        self, url: str, element_id: str, visitor: Person | Visitor | None = None, *, status: int = 200
    ) -> Document:
        """Get the page as htmx does for the element of this id, and check the contract of fragments."""
        browser = self._visitor(visitor)
        answer = browser.get(url, fragment=element_id)
        assert answer.status_code == status, f"GET {url}: {answer.status_code}"
        document = _parsed(answer, is_fragment=True)
        swapped = [
            root
            for root in document.root
            if _is_element(root) and root.get("hx-swap-oob") is None and root.tag != "template"
        ]
        assert [root.get("id") for root in swapped] == [element_id], (
            f"{url} must answer one root with the id {element_id}, not {[root.get('id') for root in swapped]}"
        )
        _check_vary(answer)
        whole = browser.get(url)
        _check_vary(whole)
        restored = browser.get(
            url, fragment=element_id, headers={"HX-History-Restore-Request": "true"}
        ).get_data(as_text=True)
        assert "<!doctype html" in restored[:200].lower(), f"{url} restores history with a fragment"
        return document

    def _visitor(self, visitor: Person | Visitor | None) -> Visitor:
        if isinstance(visitor, Person):
            return visitor.visitor
        return visitor or Visitor(self._app.test_client())


@pytest.fixture
def page(app: Flask) -> Page:
    """Return a client that fetches pages and checks them."""
    return Page(app)


def check_page(document: Document) -> None:
    """Check what holds for every page: ids, labels, headings, scripts, styles, htmx targets."""
    elements = list(_elements(document.root))
    ids = [element.get("id", "") for element in elements if element.get("id") is not None]
    assert len(ids) == len(set(ids)), (
        f"ids appear twice: {sorted({id_ for id_ in ids if ids.count(id_) > 1})}"
    )
    assert len(document.all("h1")) == 1, f"{len(document.all('h1'))} h1"
    assert document.text(document.one("title")), "the title is empty"
    _check_labels(document, elements)
    _check_inline(elements)
    _check_references(elements, set(ids))
    for form in document.all("form", method="post"):
        names = [control.get("name") for control in form.iter("input")]
        assert "csrf_token" in names, f"the form to {form.get('action')} has no CSRF token"
        if urlsplit(form.get("action", "")).path not in _FORMS_WITHOUT_ONE_TIME_TOKEN:
            assert "form_token" in names, f"the form to {form.get('action')} has no one-time token"


def _check_labels(document: Document, elements: list[Element]) -> None:
    labelled = {label.get("for") for label in document.all("label")}
    wrapped = {id(control) for label in document.all("label") for control in _elements(label)}
    for element in elements:
        if element.tag not in _CONTROLS or element.get("type") in _NO_LABEL_NEEDED:
            continue
        has_name = (
            element.get("id") in labelled
            or id(element) in wrapped
            or element.get("aria-label")
            or element.get("aria-labelledby")
        )
        assert has_name, f"{element.tag} {element.get('name') or element.get('id')} has no label"
    for element in elements:
        if element.tag in ("button", "a", "summary"):
            name = document.text(element) or element.get("aria-label") or element.get("title")
            assert name, f"a {element.tag} has no words: {element.attrib}"


def _check_inline(elements: list[Element]) -> None:
    for element in elements:
        assert element.tag != "style", "inline style element"
        if element.tag == "script":
            assert element.get("src"), "inline script"
        for name in element.attrib:
            assert name != "style", f"inline style on {element.tag}: {element.get('style')}"
            assert not re.match(r"on[a-z]+$|hx-on", name), f"inline script on {element.tag}: {name}"


def _check_references(elements: list[Element], ids: set[str]) -> None:
    for element in elements:
        target = element.get("hx-target", "")
        if target and not target.startswith(_HX_TARGET_KEYWORDS):
            assert target.removeprefix("#") in ids, f"hx-target {target} does not exist"
        for name in ("aria-describedby", "aria-labelledby", "aria-controls", "for"):
            for reference in element.get(name, "").split():
                assert reference in ids, f"{name}={reference} on {element.tag} leads nowhere"


def _check_vary(answer: Any) -> None:
    named = {name.strip().lower() for name in answer.headers.get("Vary", "").split(",")}
    missing = {"hx-request", "hx-target", "hx-history-restore-request"} - named
    assert not missing, f"Vary does not name {sorted(missing)}"


def _parsed(answer: Any, *, is_fragment: bool = False) -> Document:
    html = answer.get_data(as_text=True)
    builder = html5lib.HTMLParser(namespaceHTMLElements=False)
    if is_fragment:
        first = re.match(r"\s*(?:<!--.*?-->\s*)*<([a-z0-9]+)", html, re.S)
        container = _CONTAINERS.get(first[1], "div") if first else "div"
        root = builder.parseFragment(html, container=container)
    else:
        assert html.lstrip().lower().startswith("<!doctype html>"), f"no page: {html[:200]}"
        root = builder.parse(html)
    return Document(html, root, answer.status_code, answer.headers)


def _elements(root: Element) -> Iterator[Element]:
    """Yield the elements in a page, without the contents of templates: they are not in the page yet."""
    for child in root:
        if not _is_element(child):
            continue
        yield child
        if child.tag != "template":
            yield from _elements(child)


def _is_element(node: Element) -> bool:
    """Return whether it is not a comment: those have a function for a tag."""
    return isinstance(node.tag, str)


def _texts(element: Element) -> Iterator[str]:
    if element.tag in ("script", "style", "template") or not _is_element(element):
        return
    yield element.text or ""
    for child in element:
        yield from _texts(child)
        yield child.tail or ""
    if element.tag in ("td", "th", "li", "p", "div", "dt", "dd", "option", "h1", "h2"):
        yield " "
