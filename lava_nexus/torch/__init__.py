"""PyTorch modules by gates (`convert`, `moved_bits`), and the order in which its kernels add; loaded when used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lava_nexus.torch.attribution import Moved, moved_bits, moved_table
    from lava_nexus.torch.conversion import convert, counts
    from lava_nexus.torch.optimisers import GateAdamW, GateSGD
    from lava_nexus.torch.orders import TorchOrders, accumulation

__all__ = [
    "GateAdamW",
    "GateSGD",
    "Moved",
    "TorchOrders",
    "accumulation",
    "convert",
    "counts",
    "moved_bits",
    "moved_table",
]

_LAZY = {
    "convert": "lava_nexus.torch.conversion",
    "counts": "lava_nexus.torch.conversion",
    "TorchOrders": "lava_nexus.torch.orders",
    "accumulation": "lava_nexus.torch.orders",
    "GateAdamW": "lava_nexus.torch.optimisers",
    "GateSGD": "lava_nexus.torch.optimisers",
    "Moved": "lava_nexus.torch.attribution",
    "moved_bits": "lava_nexus.torch.attribution",
    "moved_table": "lava_nexus.torch.attribution",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'lava_nexus.torch' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
