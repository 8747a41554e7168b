"""The catalogue's providers: one module each, found by itself (docs/contributing/adding-a-provider.md)."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from app.integrations.spec import Category, Provider
from app.lib.errors import NotFound


@cache
def providers() -> dict[str, Provider]:
    """Return every provider by its slug: by category, then by name. Raises ValueError for a module that lies."""
    found: list[Provider] = []
    for module in iter_modules(__path__):
        provider: Provider = import_module(f"{__name__}.{module.name}").PROVIDER
        if provider.slug.replace("-", "_") != module.name:
            raise ValueError(f"providers/{module.name}.py describes {provider.slug}")
        found.append(provider)
    categories = tuple(Category)
    found.sort(key=lambda provider: (categories.index(provider.category), provider.name.lower()))
    return {provider.slug: provider for provider in found}


def get_provider(slug: str) -> Provider:
    """Return one provider. Raises NotFound."""
    provider = providers().get(slug)
    if provider is None:
        raise NotFound("The catalogue has no such provider.")
    return provider
