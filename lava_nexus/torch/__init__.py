"""PyTorch modules by gates (`convert`, `moved_bits`), and the order in which its kernels add."""

from typing import Any

import lazy_loader

from lava_nexus.errors import needs_extras

_named, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used: PyTorch with it, which models by themselves do without."""
    if name in __all__:
        needs_extras("lava_nexus.torch", "torch")
    return _named(name)
