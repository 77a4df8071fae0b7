"""Which programs have plans, and the plans that are made."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Any

from lava_nexus.execute.cuda.plan import Plan
from lava_nexus.execute.cuda.planner import Planner
from lava_nexus.programs.nodes import Apply, Contract, Rearrange, Reduce, in_order
from lava_nexus.programs.product import Native, Paired
from lava_nexus.programs.program import Program

_plans: dict[tuple[int, Any], tuple[weakref.ref[Program], int, Plan | None]] = {}


def plan_of(program: Program, batches: Mapping[str, int], counting: bool) -> Plan | None:
    """The plan of a program, made once; None where a node of it needs a walk.

    Args:
        program: to run.
        batches: length of the first axis of each input.
        counting: whether counts are kept by layer, so that nodes of different layers are different steps.
    """
    key = id(program), (tuple(sorted((name, batches[name]) for name in program.inputs)), counting)
    of, nodes, plan = _plans.get(key, (None, 0, None))
    if of is None or of() is not program or nodes != len(program.nodes):
        plan = Planner(program, batches, counting).plan() if _plannable(program) else None
        _plans[key] = weakref.ref(program, lambda _: _plans.pop(key, None)), len(program.nodes), plan
    return plan


def _plannable(program: Program) -> bool:
    for node in program.nodes:
        if isinstance(node, Contract | Reduce):
            if isinstance(node.how, Native | Paired):
                continue
            if not in_order(node.how, node.length, len(node.operands) > 2):
                return False
        elif not isinstance(node, Apply | Rearrange):
            return False
    return bool(program.outputs)
