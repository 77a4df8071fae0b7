"""What was measured elsewhere, in words and tables: the GPU's record and whole systems of others."""

from __future__ import annotations

from lava_nexus.energy import gpu_record, measured_systems
from lava_nexus.lab.energy.subjects import Sizes
from lava_nexus.lab.markdown import joules_in_range, markdown, three_digits, with_prefix

_GPU = ("a token of", "joules a token", "tokens/s", "nJ a multiply-accumulate")


def measured_text() -> str:
    """The GPU's record as a table, and a sentence a system."""
    record, found = gpu_record(), ["## What was measured\n"]
    if record is None:
        found.append("No GPU was measured yet: `python benchmarks/gpu_block.py` on a CUDA machine writes the record.\n")
    else:
        rows = [
            [
                f"{r.subject}, {r.format}, {r.mode}, batch {r.batch:,}",
                joules_in_range({"low": r.least, "value": r.joules_a_token, "high": r.most}),
                round(r.tokens_a_second),
                float(f"{r.joules_a_token * 1e9 / record.macs[r.subject]:.3g}"),
            ]
            for r in record.rows
        ]
        about = f"{record}: {record.method}. In brackets the least and the most of a window."
        found.append(f"{about}\n\n" + markdown(_GPU, rows))
    found += [
        f"{one.name}: {with_prefix(one.joules_a_token, 'J')} a token, {one.nanojoules_a_mac:g} nJ a "
        f"multiply-accumulate, {one.tokens_a_second:g} tokens/s ({one.source}; {one.confidence}).\n"
        for one in measured_systems()
    ]
    return "\n".join(found)


def gpu_measured_nj() -> dict[int, float]:
    """Nanojoules a multiply-accumulate of the block on the GPU, FP32, by smallest and largest batch; empty without."""
    record = gpu_record()
    rows = [] if record is None else [row for batch in record.batches if (row := record.row(batch))]
    return {row.batch: row.joules_a_token * 1e9 / record.macs[row.subject] for row in rows if record}


def beside_measured(work: float) -> str:
    """How many times what the GPU took some nanojoules of the paper's block are, a multiply-accumulate each."""
    record, each = gpu_record(), gpu_measured_nj()
    if record is None:
        return ""
    said = [
        f"{three_digits(work / (each[batch] * Sizes().macs))} times the {with_prefix(row.joules_a_token, 'J')} "
        f"at batch {batch:,}"
        for batch in record.batches
        if (row := record.row(batch))
    ]
    return f"{' and '.join(said)} of {record.device} (measured, 128 keys, a multiply-accumulate each), and "
