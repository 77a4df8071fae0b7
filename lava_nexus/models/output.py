"""What goes into a forward pass and comes out of it: token ids, sequences of several lengths, pooled states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor
from lava_nexus.execute.interpret import run_program
from lava_nexus.models.forward import Counts, Tokens
from lava_nexus.models.stage import Arithmetic
from lava_nexus.programs.layers import mean

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True)
class ModelOutput:
    """What a forward pass gave.

    Attributes:
        hidden_states: [batch, tokens, width]: what entered the first layer, then what left each layer.
        logits: [batch, tokens, outputs], of the last token alone where asked for, or [batch, outputs] of a head that
            reads the pooler's answer; None without a head.
        pooled: [batch, width], None without a pooler.
        counts: of the whole pass.
        last_hidden_state: [batch, tokens, width]: behind the final norm where there is one, of the tokens that the head
            reads; None where what follows the layers was not run.
    """

    hidden_states: tuple[NDArray[Any], ...]
    logits: NDArray[Any] | None
    pooled: NDArray[Any] | None
    counts: Counts
    last_hidden_state: NDArray[Any] | None = None


def masked(
    ids: Tokens, mask: NDArray[Any], types: Tokens | None, run: Callable[..., ModelOutput], single: set[str]
) -> ModelOutput:
    """Passes over the real tokens of sequences of several lengths, those of one length together; the rest is 0.

    Args:
        ids, types: [batch, tokens].
        mask: 1 for each real token.
        run: a pass over sequences of one length.
        single: names of what it tells of one token of each sequence, "logits" or "last".

    Raises:
        NexusError: a mask of another shape or other values, or real tokens that do not follow each other.
    """
    if mask.shape != ids.shape or not np.isin(mask, (0, 1)).all():
        raise NexusError(f"attention_mask of shape {mask.shape} is not 0 or 1 for each of the tokens {ids.shape}")
    kept = mask.astype(bool)
    counts, alike = Counts(), dict[int, list[int]]()
    for row, real in enumerate(kept):
        places = np.flatnonzero(real)
        if not places.size or places[-1] - places[0] + 1 != places.size:
            raise NexusError(f"attention_mask of sequence {row} has no token, or other ones between its real tokens")
        alike.setdefault(int(places.size), []).append(row)
    found: dict[str, Any] = {}
    for length, rows in alike.items():
        real = kept[rows]
        chosen = None if types is None else types[rows][real].reshape(len(rows), length)
        part = run(ids[rows][real].reshape(len(rows), length), token_types=chosen)
        counts.add(part.counts)
        for name, value in _parts(part).items():
            whole = value.ndim == 3 and name not in single
            size = (len(ids), ids.shape[1], value.shape[2]) if whole else (len(ids), *value.shape[1:])
            target = found.setdefault(name, np.zeros(size, value.dtype))
            for number, row in enumerate(rows):
                target[row, kept[row] if whole else slice(None)] = value[number]
    hidden = tuple(found[name] for name in found if name.startswith("hidden"))
    return ModelOutput(hidden, found.get("logits"), found.get("pooled"), counts, found.get("last"))


def _parts(output: ModelOutput) -> dict[str, NDArray[Any]]:
    """Its arrays by name."""
    found = {f"hidden {number}": state for number, state in enumerate(output.hidden_states)}
    more = {"logits": output.logits, "pooled": output.pooled, "last": output.last_hidden_state}
    return found | {name: value for name, value in more.items() if value is not None}


def pooled(
    arithmetic: Arithmetic, states: NDArray[Any], pooling: Pooling, normalised: bool, executor: Executor
) -> NDArray[Any]:
    """One vector of a sequence's states [tokens, width]: their mean or the first, divided by its Euclidean norm.

    Raises:
        NexusError: a pooling that does not exist.
    """
    if pooling not in get_args(Pooling):
        raise NexusError(f"pooling is {pooling!r}, must be one of {', '.join(get_args(Pooling))}")
    w = arithmetic.writer("pooling").inside("pooling")
    x = w.program.input("states", states.shape, w.format)
    if pooling == "mean":
        x = mean(w, w.reduce("add", w.swapped(x)), states.shape[0])
    else:
        x = w.reshape(w.take(x, -2, 0, 1), states.shape[1])
    if normalised:
        root = w.apply("sqrt", w.reduce("add", w.apply("mul", x, x)))
        x = w.apply("div", x, w.reshape(root, 1))
    w.program.outputs["vector"] = x
    result = run_program(w.program, {"states": w.format.to_patterns(states)[None]}, executor)
    return np.asarray(w.format.from_patterns(result.outputs["vector"])[0])


def token_array(tokens: ArrayLike | Sequence[Sequence[int]]) -> Tokens:
    """Ids as int64 [batch, tokens].

    Raises:
        NexusError: no ids, or ids that are no integers of one or two axes.
    """
    try:
        array = np.asarray(tokens)
    except ValueError:
        raise NexusError("tokens are sequences of several lengths; a batch holds sequences of one length") from None
    if array.size == 0:
        raise NexusError("a sequence of 0 tokens has nothing to run; at least 1 is needed")
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2):
        raise NexusError(
            f"tokens of dtype {array.dtype} and shape {array.shape} are not integers [tokens] or [batch, tokens]"
        )
    return array.astype(np.int64).reshape(-1, array.shape[-1])
