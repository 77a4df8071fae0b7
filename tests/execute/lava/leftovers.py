"""What a Lava run could leave behind, read from /proc and /dev/shm."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def children(pid: int | None = None) -> set[int]:
    """Processes below `pid` that still run, the resource tracker of multiprocessing left out."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z" and b"resource_tracker" not in (entry / "cmdline").read_bytes():
                    parents[int(entry.name)] = int(parent)
    found = {pid or os.getpid()}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid or os.getpid()}


def shared_memory(pids: set[int]) -> set[Path]:
    """Files of shared memory that the processes have mapped."""
    names = {
        "/dev/shm/psm_" + part
        for pid in pids
        for part in Path(f"/proc/{pid}/maps").read_text().split("/dev/shm/psm_")[1:]
    }
    return {Path(name.split()[0]) for name in names}
