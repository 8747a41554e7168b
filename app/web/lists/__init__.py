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
from app.web.lists.short import ShortList
from app.web.lists.spec import DeclaredList, ListQuery, ListSpec, Selection, takes
from app.web.lists.view import PENDING_REFRESH_S

__all__ = [
    "PENDING_REFRESH_S",
    "ChoiceFilter",
    "DeclaredList",
    "Filter",
    "FlagFilter",
    "ListPage",
    "ListQuery",
    "ListSpec",
    "PeriodFilter",
    "Search",
    "SearchFilter",
    "Selection",
    "ShortList",
    "StatusFilter",
    "id_of",
    "status_bounds",
    "takes",
]
