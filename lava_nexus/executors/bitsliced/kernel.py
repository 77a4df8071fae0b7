"""The compiled loop over the operations of a word program, packing and unpacking included.

A block is LANES operand sets. Element e of a block is bit e // WORDS_A_SLOT of word e % WORDS_A_SLOT of every slot, so that
elements next to each other in memory stand in words next to each other, for elements of any size.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from lava_nexus.disk_cache import source_digest
from lava_nexus.executors.bitsliced import vector_ir
from lava_nexus.executors.bitsliced.program import COUNTED, RESERVED_COUNTS
from lava_nexus.executors.bitsliced.vector_ir import VECTOR_BYTES

VECTORS = 4
WORDS_A_SLOT = VECTORS * vector_ir.WORDS
LANES = 64 * WORDS_A_SLOT
SLOT_BYTES = 8 * WORDS_A_SLOT

PORT_ADDRESS, PORT_STRIDE, PORT_BITS, PORT_WIDTH = 0, 1, 2, 3
"""Columns of a port row: address of element 0, bytes from block to block, bits an element, bits that are slots."""


@intrinsic
def _operate(typingctx: Any, table: Any, a: Any, b: Any, c: Any, result: Any, count: Any) -> Any:
    """Stores table(a, b, c) at `result` and adds its set bits to the vector at `count`, unless that is 0; all addresses."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table, a, b, c, result, count = arguments
        ternary = "+avx512f" in context.codegen().magic_tuple()[2].split(",")
        operands = [
            [vector_ir.load(builder, vector_ir.offset(builder, at, VECTOR_BYTES * v)) for v in range(VECTORS)]
            for at in (a, b, c)
        ]
        done = builder.append_basic_block("looked")
        impossible = builder.append_basic_block("impossible")
        branch = builder.switch(table, impossible)
        with builder.goto_block(impossible):
            builder.unreachable()
        looked = [[] for _ in range(VECTORS)]
        for code in range(256):
            block = builder.append_basic_block(f"table{code}")
            branch.add_case(ir.Constant(table.type, code), block)
            with builder.goto_block(block):
                for v in range(VECTORS):
                    x, y, z = (operand[v] for operand in operands)
                    looked[v].append((vector_ir.look(builder, code, x, y, z, ternary), block))
                builder.branch(done)
        builder.position_at_end(done)
        vectors = []
        for v in range(VECTORS):
            vectors.append(builder.phi(vector_ir.VECTOR))
            for value, block in looked[v]:
                vectors[v].add_incoming(value, block)
        for v, vector in enumerate(vectors):
            vector_ir.store(builder, vector, vector_ir.offset(builder, result, VECTOR_BYTES * v))
        with builder.if_then(builder.icmp_unsigned("!=", count, ir.Constant(count.type, 0))):
            total = builder.add(vector_ir.load(builder, count), vector_ir.spikes(builder, vectors))
            vector_ir.store(builder, total, count)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), generate
