"""What layers of a model cost: seconds grow with multiply-accumulates, memory does not grow with layers.

Usage: python benchmarks/models.py [--quick]
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import Any

from lava_nexus.models.model import random_model

LAYERS = (1, 2, 4)


def shape(width: int) -> dict[str, Any]:
    """A LLaMA of so many channels."""
    sizes = {"hidden_size": width, "intermediate_size": 3 * width, "num_attention_heads": width // 32}
    more = {"num_hidden_layers": max(LAYERS), "vocab_size": 256, "max_position_embeddings": 64, "rms_norm_eps": 1e-5}
    return {"model_type": "llama", **sizes, **more}


def main(widths: list[int], tokens: int) -> None:
    """Prints the table, smallest first: the peak of memory is that of the process so far."""
    print(f"bit-sliced, spikes counted, float32, {tokens} tokens\n")
    print("| width | layers | multiplications | seconds | million a second | peak memory, MB |")
    print("|---:" * 6 + "|")
    random_model(shape(widths[0]))([1], "bitsliced", layers=(0, 1))  # compiles what is needed
    for width in widths:
        model = random_model(shape(width))
        for layers in LAYERS:
            start = time.perf_counter()
            found = model(list(range(tokens)), "bitsliced", layers=(0, layers), logits="none")
            seconds = time.perf_counter() - start
            products = sum(t.invocations for t in found.counts.tallies if t.circuit.name == "mul")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            row = (width, layers, f"{products:,}", f"{seconds:.2f}", f"{products / seconds / 1e6:.1f}", f"{peak:.0f}")
            print("| " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one small width")
    quick = parser.parse_args().quick
    main([32] if quick else [128, 256, 512], 2 if quick else 8)
