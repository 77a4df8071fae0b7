"""Bit-sliced execution: networks lowered to word operations, run by a compiled kernel."""

from lava_nexus.execute.cpu.executor import BitslicedExecutor
from lava_nexus.execute.cpu.program import WordProgram, word_program

__all__ = ["BitslicedExecutor", "WordProgram", "word_program"]
