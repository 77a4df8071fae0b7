"""Bit-sliced execution: networks lowered to word operations, run by a compiled kernel."""

from lava_nexus.executors.bitsliced.executor import BitslicedExecutor
from lava_nexus.executors.bitsliced.lowering import word_program
from lava_nexus.executors.bitsliced.program import WordProgram

__all__ = ["BitslicedExecutor", "WordProgram", "word_program"]
