"""Proofs as a config asks for them: cases kept, counterexamples run on the neurons, a table at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lava_nexus.circuits import Circuit, circuit
from lava_nexus.crew import crew
from lava_nexus.execute.cpu import BitslicedExecutor
from lava_nexus.files import in_checkout
from lava_nexus.formats import number_format_named
from lava_nexus.lab.configs.verification import QUICK, ProofConfig, ProofJob
from lava_nexus.lab.report import Report, Table, conclude
from lava_nexus.lab.trial import marked, shrunk
from lava_nexus.progress import Work, say
from lava_nexus.verify.certificates import PROOFS, ProofCertificate, certify_proofs, load_proofs
from lava_nexus.verify.formal.proof import AnyObligation, Progress, obligation
from lava_nexus.verify.formal.solve import Answer
from lava_nexus.verify.formal.terms import Split, solver_name


@dataclass(frozen=True)
class Counterexample:
    """Operands that refute a circuit, and what its neurons were seen to answer.

    Attributes:
        operands: patterns.
        neurons: pattern that the bit-sliced executor gave.
        expected: pattern that the golden function gave.
    """

    operands: tuple[int, ...]
    neurons: int
    expected: int

    @property
    def confirmed(self) -> bool:
        """Whether a run shows the mistake that the solver claims."""
        return self.neurons != self.expected

    def __str__(self) -> str:
        shown = ", ".join(f"{operand:#x}" for operand in self.operands)
        claim = "confirmed by a run" if self.confirmed else "not seen in a run"
        return f"refuted: ({shown}) gives {self.neurons:#x}, expected {self.expected:#x} ({claim})"


@dataclass
class Proof:
    """What became of one circuit.

    Attributes:
        job: that asked for it.
        circuit: the circuit.
        cases: how many there are.
        proven: seconds of each proven case by its name.
        undecided: cases that ran out of time, or why none was tried.
        counterexample: what refutes it, if anything.
    """

    job: ProofJob
    circuit: Circuit
    cases: int
    proven: dict[str, float]
    undecided: list[str] = field(default_factory=list)
    counterexample: Counterexample | None = None

    @property
    def complete(self) -> bool:
        """Whether the circuit is proven on all operands."""
        return len(self.proven) == self.cases and not self.undecided

    @property
    def verdict(self) -> str:
        """In words."""
        if self.counterexample:
            return str(self.counterexample)
        return "proven on all operands" if self.complete else f"undecided: {'; '.join(self.undecided)}"

    @property
    def sentence(self) -> str:
        """The verdict, with what it is on."""
        return f"{self.circuit.label} in the {self.circuit.basis} basis is {self.verdict}"

    @property
    def row(self) -> dict[str, Any]:
        """For the table."""
        fmt, to = self.circuit.inputs[0].format, self.circuit.output.format
        return {
            "operation": self.circuit.name,
            "format": f"{fmt}" if to in (None, fmt) else f"{fmt} to {to}",
            "basis": self.circuit.basis,
            "neurons": self.circuit.neurons,
            "cases": self.cases,
            "proven": len(self.proven),
            "seconds": round(sum(self.proven.values()), 1),
            "verdict": self.verdict,
        }


@marked
def prove(config: ProofConfig, out: Path, quick: bool = False, certificates: Path = PROOFS) -> list[Proof]:
    """Proves what the config asks for, prints the table and writes proofs.md and proofs.json.

    Raises:
        NexusError: a circuit is refuted, after the table; the solver is not installed.
    """
    tool = solver_name()
    outcomes: list[Proof] = []
    for job, one in _circuits(QUICK if quick else config.proofs):
        if config.only_stale and not quick and _certified(one, certificates):
            say(f"{one.label}, {one.basis} basis: certificate holds")
            continue
        outcomes.append(_prove(job, one, config, out / "cases", certificates))
        say(f"{one.label}, {one.basis} basis: {outcomes[-1].verdict}")
        if config.certify and not quick and in_checkout() and outcomes[-1].complete:
            certify_proofs([_certificate(outcomes[-1], tool)], certificates)
    shrunk(f"{len(outcomes)} small circuits instead of those of the config")
    refuted = [one for one in outcomes if one.counterexample]
    rows = [outcome.row for outcome in outcomes]
    found = Report(
        title=f"Proofs by {tool}",
        name="proofs",
        config={**config.resolved(), "quick": quick},
        tables=[Table.of("", rows, "proofs.csv")],
        values={"tool": tool, "proofs": rows},
        failure=refuted[0].sentence if refuted else "",
    )
    conclude(found, out)
    return outcomes


def confirm(wrong: Circuit, operands: Sequence[int]) -> Counterexample:
    """What neurons and golden function answer to the operands that the solver found."""
    patterns = [np.array([value], port.pattern_dtype) for value, port in zip(operands, wrong.inputs, strict=True)]
    neurons = BitslicedExecutor(count=False, threads=1).invoke(wrong, patterns)
    return Counterexample(tuple(operands), int(neurons[0]), int(wrong.golden(*patterns)[0]))


def _circuits(jobs: Sequence[ProofJob]) -> Iterator[tuple[ProofJob, Circuit]]:
    for job in jobs:
        for fmt in job.formats:
            for to in job.to or (None,):
                for operation in job.operations:
                    for basis in job.bases:
                        target = None if to is None else number_format_named(to)
                        yield job, circuit(operation, number_format_named(fmt), to=target, basis=basis, **job.options)


@dataclass(frozen=True)
class Question:
    """What is asked of a solver, wherever that runs.

    Attributes:
        circuit: to be proven.
        split: into cases.
        adder: that the proof rests on, or None.
        limit: seconds a case.
    """

    circuit: Circuit
    split: Split
    adder: Circuit | None
    limit: float

    @cached_property
    def obligation(self) -> AnyObligation:
        """Its terms, made once a process."""
        return obligation(self.circuit, self.split, self.adder)

    def answer(self, case: str) -> Answer:
        """The solver's answer to one case."""
        return self.obligation.prove(case, self.limit)


def _prove(job: ProofJob, one: Circuit, config: ProofConfig, folder: Path, certificates: Path) -> Proof:
    adder = _adder(job, one) if job.split == "addition" else None
    question = Question(one, job.split, adder, config.time_limit)
    progress = Progress.of(folder, one.digest, f"{one.name} {job.split} {adder.digest if adder else ''}")
    cases = question.obligation.cases
    outcome = Proof(job, one, len(cases), progress.proven)
    if adder and all(one.network != adder.digest for one in load_proofs(certificates)):
        outcome.undecided.append("add, on which sub rests, has no certificate")
        return outcome
    left = [case for case in cases if case not in progress.proven]
    bar = Work(f"proving {one.label} ({one.basis})", len(cases), "cases", len(cases) - len(left))
    with crew(config.cluster) as workers, bar:
        for case, answer in zip(left, workers.map(Question.answer, question, left), strict=False):
            bar.update()
            if answer.verdict == "unsat":
                progress.add(case, answer.seconds)
            elif answer.verdict == "unknown":
                outcome.undecided.append(case)
            elif answer.values:
                outcome.counterexample = confirm(one, answer.values)
                break
            else:
                raise AssertionError(f"the cases of split '{job.split}' leave operands out")
    return outcome


def _certified(one: Circuit, certificates: Path) -> bool:
    return any(known.network == one.digest and known.holds for known in load_proofs(certificates))


def _adder(job: ProofJob, one: Circuit) -> Circuit:
    """The circuit of add that is built as the one given is."""
    fmt = one.inputs[0].format
    assert fmt is not None
    return circuit("add", fmt, basis=one.basis, **job.options)


def _certificate(outcome: Proof, tool: str) -> ProofCertificate:
    one, job = outcome.circuit, outcome.job
    fmt, to = one.inputs[0].format, one.output.format
    return ProofCertificate(
        operation=one.name,
        format=str(fmt),
        to=None if to in (None, fmt) else str(to),
        options=job.options,
        basis=one.basis,
        network=one.digest,
        tool=tool,
        split=job.split,
        rests_on=_adder(job, one).digest if job.split == "addition" else None,
        seconds=round(sum(outcome.proven.values()), 1),
        cases=outcome.proven,
    )
