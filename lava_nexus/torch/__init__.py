"""PyTorch modules by gates (`convert`, `moved_bits`), and the order in which its kernels add."""

import lazy_loader

from lava_nexus.errors import needs_extras

needs_extras("lava_nexus.torch", "torch")

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
