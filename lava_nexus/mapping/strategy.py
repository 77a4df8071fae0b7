"""How many instances of each circuit a program gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lava_nexus.errors import NexusError

_FORM = re.compile(r"(?P<kind>folded|fit)\s*:\s*(?P<key>chips\s*=)?\s*(?P<number>-?\d+)")


@dataclass(frozen=True)
class Strategy:
    """What decides the instances.

    unrolled: an instance for every invocation. folded: ceil(invocations / number) instances of each circuit. fit: the
    least folding with which everything lies on `number` chips.

    Attributes:
        kind: which of these.
        number: invocations that share an instance, or chips; 1 for `unrolled`.
    """

    kind: Literal["unrolled", "folded", "fit"]
    number: int = 1

    def __str__(self) -> str:
        if self.kind == "unrolled":
            return "unrolled"
        return f"folded: {self.number}" if self.kind == "folded" else f"fit: chips={self.number}"

    @classmethod
    def of(cls, text: str | Strategy) -> Strategy:
        """From "unrolled", "folded: k" or "fit: chips=n".

        Raises:
            NexusError: the text is none of these, or its number is below 1.
        """
        if isinstance(text, Strategy):
            return text
        if text.strip() == "unrolled":
            return cls("unrolled")
        found = _FORM.fullmatch(text.strip())
        if not found or (found["kind"] == "fit") != bool(found["key"]):
            raise NexusError(f"strategy '{text}' is none of 'unrolled', 'folded: k' and 'fit: chips=n'")
        number = int(found["number"])
        if number < 1:
            raise NexusError(f"strategy '{text}': {number} is below 1")
        return cls("folded" if found["kind"] == "folded" else "fit", number)
