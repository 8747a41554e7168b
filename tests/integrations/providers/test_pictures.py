"""The pictures of the catalogue: small, harmless, and legible on every page."""

import re
from xml.etree import ElementTree

import pytest

from app.config import PROJECT_DIR
from app.integrations.providers import providers
from app.integrations.spec import Provider

PICTURES = PROJECT_DIR / "static" / "img" / "providers"
_SVG = "{http://www.w3.org/2000/svg}"
_ELEMENTS = {f"{_SVG}{name}" for name in ("svg", "rect", "path", "text", "circle")}
of_each = pytest.mark.parametrize("provider", providers().values(), ids=lambda provider: provider.slug)


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_every_picture_belongs_to_an_entry() -> None:
    assert {file.stem for file in PICTURES.glob("*.svg")} == set(providers())


@of_each
def test_picture_is_small_and_holds_nothing_but_shapes(provider: Provider) -> None:
    text = (PICTURES / f"{provider.slug}.svg").read_text("utf-8")
    root = ElementTree.fromstring(text)

    assert len(text.encode()) <= 2_048
    assert root.get("viewBox") == "0 0 24 24"
    for element in root.iter():
        assert element.tag in _ELEMENTS
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            assert name != "style"
            assert "href" not in name.lower()
            assert "url(" not in value
            assert ":" not in value
    assert "<!" not in text
    assert "<?" not in text


@of_each
def test_mark_can_be_read_on_the_providers_colour(provider: Provider) -> None:
    tile, mark, *more = ElementTree.parse(PICTURES / f"{provider.slug}.svg").getroot()
    painted = mark.get("stroke") or mark.get("fill") or ""

    assert not more
    assert re.fullmatch(r"#[0-9a-f]{6}", provider.colour)
    assert (tile.tag, tile.get("fill")) == (f"{_SVG}rect", provider.colour)
    assert contrast(painted, provider.colour) >= 3
