"""The words for the ways in which services divide lists into pages."""

#: What each strategy is called on pages, with what it is for.
STRATEGIES: dict[str, tuple[str, str]] = {
    "none": ("One answer is all", "Nothing further is asked for."),
    "page": ("Page numbers", "A parameter counts pages."),
    "offset": ("Offset", "A parameter counts the records before the page."),
    "cursor": ("Cursor", "A parameter repeats what the answer before holds."),
    "keyset": ("Key of the last record", "A parameter repeats what the last record holds, such as its id."),
    "link_header": ("Link header", 'The next page is the answer\'s Link with rel="next", as GitHub has it.'),
    "next_url": ("Address in the answer", "The answer holds the address of the next page."),
}
