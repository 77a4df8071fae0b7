"""What the first product does to one token, value by value, computed by the circuits' neurons for a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lava_nexus.executors.run import executor_named
from lava_nexus.layers import Contract, Program
from lava_nexus.reports.raster import Stage

_CHANNELS = 64


def first_layer_stages(program: Program, tokens: NDArray[Any], output: int = 0, name: str = "pixels") -> list[Stage]:
    """Token, weights, products and running sums of one output of the first contraction, for the fullest token.

    Of wide tokens the first channels only. `tokens` [..., width] are what the contraction reads, called `name`.
    """
    node = next(n for n in program.nodes if isinstance(n, Contract))
    fmt, wide = node.operands[0].float_format, node.result.float_format
    flat = tokens.reshape(-1, tokens.shape[-1])
    token = np.ascontiguousarray(flat[np.argmax(np.count_nonzero(flat, axis=1))][:_CHANNELS])
    row = np.ascontiguousarray(program.constants[node.operands[1].number][output][:_CHANNELS])
    executor = executor_named("bitsliced")
    products = executor.invoke(node.multiply, [token, row])
    sums = [products[:1]]
    for k in range(1, len(products)):
        sums.append(executor.invoke(node.add, [sums[-1], products[k : k + 1]]))
    return [
        Stage(name, token, fmt),
        Stage("weights", row, fmt),
        Stage("products", products, wide),
        Stage("running sums", np.concatenate(sums), wide),
    ]
