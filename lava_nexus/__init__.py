"""Transformers as integrate-and-fire neurons on Loihi 2 and Lava, bit for bit equal to IEEE-754 arithmetic.

A *circuit* is a network of integrate-and-fire neurons that computes one operation, and the golden function it equals:

    >>> import numpy as np
    >>> import lava_nexus as nexus
    >>> adder = nexus.circuit("add", "float32")
    >>> adder.neurons, adder.depth
    (670, 46)
    >>> x = np.array([0.1, 1e-45], np.float32)
    >>> result = nexus.run(adder, x, x)
    >>> (result.value == x + x).all()  # every bit
    True
    >>> result.level, result.spikes > 0, nexus.energy_of(result).joules > 0
    ('word logic', True, True)

The same circuit runs on every *executor*: `nexus.executors()` lists them, `nexus.executor("membrane", noise=0.2)` makes
one to be used again, and `nexus.run(circuit, x, executor=...)` takes either.

A *model* is a transformer whose every operation is a circuit: `nexus.load("path/to/checkpoint")`, or
`nexus.random_model` for the shape of one; called with token ids it gives logits, and what they cost in neurons, steps
and spikes.

`nexus.place(circuit or program or model, "loihi2")` says where its neurons live: cores, chips, time steps, traffic.

| to                              | look at                                                                        |
| ------------------------------- | ------------------------------------------------------------------------------ |
| build                           | `operations`, `circuit`, the formats `FLOAT32`, `FLOAT8_E4M3FN`, `INT8`, ...     |
| see numbers as spikes           | `encode`, `decode`                                                             |
| run                             | `run`, `executor`, `executors`, `NonIdealities`, `Result`                      |
| take transformers               | `load`, `random_model`, `Model`; `lava_nexus.torch.convert` for PyTorch modules |
| learn what it costs             | `place`, `energy_of`, `Result.spikes`, `Result.synops`                         |
| repeat what papers print        | `lava-nexus --help`, one command for each experiment                           |

Every mistake that a user can make raises `NexusError` with one sentence that names what, which value and which limit.
"""

from lava_nexus.moved import install

install()
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Every public name stands once, in the stub beside this file, and is imported when it is first used."""
    import lazy_loader  # not before: a command answers Ctrl-C as soon as this file is read

    found, listed, names = lazy_loader.attach_stub(__name__, __file__)
    globals().update(__getattr__=found, __dir__=listed, __all__=names)
    return names if name == "__all__" else found(name)


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))  # type: ignore[call-overload]
