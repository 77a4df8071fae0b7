"""What can be exported: a circuit, or the bare network of one."""

from __future__ import annotations

from lava_nexus.circuits import Circuit
from lava_nexus.errors import NexusError
from lava_nexus.neurons import ThresholdNetwork


def network_of(subject: Circuit | ThresholdNetwork, what: str) -> ThresholdNetwork:
    """The neurons; raises NexusError, naming `what` is made, where the subject has none."""
    if isinstance(subject, ThresholdNetwork):
        return subject
    if isinstance(subject, Circuit):
        return subject.network
    raise _refused(subject, what, "a circuit or its network")


def circuit_of(subject: Circuit, what: str) -> Circuit:
    """The circuit; raises NexusError, naming `what` is made, where the subject is none."""
    if isinstance(subject, Circuit):
        return subject
    raise _refused(subject, what, "a circuit")


def _refused(subject: object, what: str, wanted: str) -> NexusError:
    if isinstance(subject, str):
        return NexusError(
            f"{what} is made of {wanted}, not of the name '{subject}': give lava_nexus.circuit('{subject}', a format)"
        )
    return NexusError(f"{what} is made of {wanted}, not of {type(subject).__name__}")
