"""Parts of pages that are made of results: between `<!-- name: begin -->` and `<!-- name: end -->`, never typed."""

from __future__ import annotations

import re
from collections.abc import Callable

from lava_nexus.errors import NexusError


def filled(page: str, name: str, content: Callable[[], str], where: str) -> str:
    """The page with today's content between its marks.

    Args:
        page: its text.
        name: of the part.
        content: gives what stands there from now on.
        where: the page's name, for the error.

    Raises:
        NexusError: the marks are not there.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise NexusError(f"{where} has no '{begin}' ... '{end}'")
    return pattern.sub(lambda _: f"{begin}\n{content()}\n{end}", page)
