"""The one engine of lists: a feature declares its filters, and gets the page, the API's parameters and downloads."""

from app.web.lists.filters import (
    ChoiceFilter,
    Filter,
    FlagFilter,
    PeriodFilter,
    Search,
    SearchFilter,
    StatusFilter,
    id_of,
    status_bounds,
)
from app.web.lists.page import ListPage
from app.web.lists.spec import ListQuery, ListSpec, Selection, takes

__all__ = [
    "ChoiceFilter",
    "Filter",
    "FlagFilter",
    "ListPage",
    "ListQuery",
    "ListSpec",
    "PeriodFilter",
    "Search",
    "SearchFilter",
    "Selection",
    "StatusFilter",
    "id_of",
    "status_bounds",
    "takes",
]
