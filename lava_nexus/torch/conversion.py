"""A PyTorch model with some of its modules computed by gates, and optimisers whose every operation is a circuit."""

from __future__ import annotations

import copy
import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeVar, cast

import torch
from torch import Tensor, nn

from lava_nexus.errors import NexusError
from lava_nexus.execute.executor import Executor, Tallies
from lava_nexus.execute.run import DEFAULT_EXECUTOR, executor_named
from lava_nexus.formats import format_named
from lava_nexus.torch.mode import GateMode, Gates
from lava_nexus.torch.support import DryRun, check, check_surroundings

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def convert(
    module: ModuleT,
    only: Sequence[str | type[nn.Module]] | None = None,
    *,
    executor: str | Executor = DEFAULT_EXECUTOR,
    basis: str = "threshold",
    accumulate: str = "sequential",
    count: bool = False,
    format: str | None = None,
    backward: Literal["autograd", "gates"] = "autograd",
    **options: Any,
) -> ModuleT:
    """A model of the same parameters in which the chosen modules compute by gates.

    Within a chosen module every function that computes floating numbers is a program of circuits, each operation
    rounded once, sums in the order of `accumulate`; gradients are those of PyTorch's functions at the same operands.
    Parameters, buffers and `state_dict` are the original's own: a training step on one is a step on the other. The
    original module is left as it is.

    Args:
        module: any module in float16, bfloat16, float32 or float64, on the CPU, or on a GPU where the executor is
            "cuda": tensors then cross by DLPack, without a copy.
        only: dotted names ("layers.0.mlp"; what lies below is chosen with it), patterns ("*.norm"), or classes and
            their names ("Linear"); None for the whole model.
        executor: "bitsliced", "cuda", "membrane", "lava", "reference" for the strict float model, or an executor.
        basis: cells of the circuits.
        accumulate: order of every sum: "sequential", "fma", "pairwise", "exact", or "torch" as PyTorch's kernels.
        count: whether spikes are counted (`counts`).
        format: name of a number format that every operation computes in, weights and operands rounded to it, whatever
            the tensors' dtype ("float8_e4m3fn" under a float32 model); None for the format of the dtype.
        backward: "autograd" takes PyTorch's derivatives at the same operands, straight through any rounding; "gates"
            computes gradients by programs too (`lava_nexus.torch.gradients`).
        options: of the executor, for example `threads=1`; and `dry_run=True` says which modules would be by gates, and
            why others would not, and converts nothing (`lava_nexus.torch.support.DryRun`).

    Raises:
        NexusError: `only` chooses nothing, or a module that has no program of gates; in a forward pass, a function that
            has none, or tensors of another dtype or device.
    """
    names = chosen(module, only)
    if options.pop("dry_run", False):
        return cast(ModuleT, DryRun.of(module, names))
    engine = executor_named(executor, count, **options)
    fmt = None if format is None else format_named(format)
    if backward not in ("autograd", "gates"):
        raise NexusError(f"backward '{backward}' does not exist; choose one of autograd, gates")
    modules = dict(module.named_modules(remove_duplicate=False))
    gated: dict[int, Gates] = {}
    for name in names:
        check(modules[name], name)
        gates = Gates(engine, basis, accumulate, name or type(module).__name__, format=fmt, backward=backward)
        gated.setdefault(id(modules[name]), gates)
    return _copied(module, gated, {})


def counts(module: nn.Module) -> dict[str, Tallies]:
    """What the gates of a converted model did so far, by dotted name of the chosen module."""
    found = {name: getattr(child, "forward", None) for name, child in module.named_modules()}
    return {name: forward.gates.tallies for name, forward in found.items() if isinstance(forward, GateForward)}


class GateForward:
    """The `forward` of a chosen module: the module's own, inside `GateMode`."""

    def __init__(self, module: nn.Module, gates: Gates) -> None:
        self.module, self.gates = module, gates

    def extra_repr(self) -> str:
        """What the module's `repr` says of it."""
        own = type(self.module).extra_repr(self.module)
        fmt = "" if self.gates.format is None else f" in {self.gates.format}"
        return f"{own}{', ' * bool(own)}by gates{fmt}, executor {self.gates.executor.name}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As the module's class has it."""
        check_surroundings(self.gates.module)
        with GateMode(self.gates):
            return type(self.module).forward(self.module, *args, **kwargs)


def _copied(module: ModuleT, gated: dict[int, Gates], done: dict[int, nn.Module]) -> ModuleT:
    """A new tree of modules over the same parameters; a module that stands in two places stays one."""
    if id(module) not in done:
        new = copy.copy(module)
        done[id(module)] = new
        for name in ("_parameters", "_buffers", "_forward_hooks", "_forward_pre_hooks"):
            new.__dict__[name] = module.__dict__[name].copy()
        children = {name: child and _copied(child, gated, done) for name, child in module._modules.items()}
        new.__dict__["_modules"] = type(module._modules)(children)
        if id(module) in gated:
            forward = GateForward(new, gated[id(module)])
            new.__dict__ |= {"forward": forward, "extra_repr": forward.extra_repr}
        else:
            new.__dict__.pop("forward", None)
            new.__dict__.pop("extra_repr", None)
    return cast(ModuleT, done[id(module)])


def chosen(module: nn.Module, only: Sequence[str | type[nn.Module]] | None, nested: bool = False) -> list[str]:
    """Dotted names of the modules that `only` chooses, of nested ones the outermost only unless `nested`."""
    if only is None:
        return [""]
    if isinstance(only, str | type):
        only = [only]
    modules = dict(module.named_modules(remove_duplicate=False))
    names: set[str] = set()
    for wanted in only:
        found = [name for name, child in modules.items() if _matches(name, child, wanted)]
        if not found:
            raise NexusError(f"'only' names {_shown(wanted)}, which the model does not have{_near(wanted, modules)}")
        names.update(found)
    if not names:
        raise NexusError("'only' is empty, which chooses no module; leave it out for the whole model")
    return [name for name in modules if name in names and (nested or not names.intersection(_parents(name)))]


def _matches(name: str, module: nn.Module, wanted: str | type[nn.Module]) -> bool:
    if isinstance(wanted, type):
        return isinstance(module, wanted)
    return name == wanted or type(module).__name__ == wanted or (bool(name) and fnmatchcase(name, wanted))


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:i]) for i in range(1, len(parts)))
    if name:
        yield ""


def _shown(wanted: str | type[nn.Module]) -> str:
    return f"'{wanted}'" if isinstance(wanted, str) else wanted.__name__


def _near(wanted: str | type[nn.Module], modules: dict[str, nn.Module]) -> str:
    known = [*modules, *{type(child).__name__ for child in modules.values()}]
    near = difflib.get_close_matches(wanted if isinstance(wanted, str) else wanted.__name__, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


class GateOptimiser(torch.optim.Optimizer, ABC):
    """What SGD and AdamW by gates share: a step inside a `GateMode`.

    Attributes:
        gates: how the update computes; its `tallies` hold the counts.
    """

    def __init__(
        self,
        params: Iterable[Any],
        defaults: dict[str, Any],
        executor: str | Executor,
        basis: str,
        count: bool,
        **options: Any,
    ) -> None:
        super().__init__(params, defaults)
        engine = executor_named(executor, count, **options)
        self.gates = Gates(engine, basis, "sequential", type(self).__name__)

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        changed = self._updated(parameter, parameter.grad, group)
                        parameter.copy_(changed)
        return loss

    @abstractmethod
    def _updated(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor:
        """The parameter after one step."""


class GateSGD(GateOptimiser):
    """Stochastic gradient descent by gates.

    v = momentum * v + g;  p = p - lr * v, without momentum p = p - lr * g.

    Args:
        params: as for `torch.optim.SGD`.
        lr: learning rate.
        momentum: share of the last step that goes on, 0..1.
        executor, basis, count, options: as for `lava_nexus.torch.convert`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        *,
        executor: str | Executor = DEFAULT_EXECUTOR,
        basis: str = "threshold",
        count: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum}, executor, basis, count, **options)

    def _updated(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        with GateMode(self.gates):
            if group["momentum"]:
                state["velocity"] = state["velocity"] * group["momentum"] + grad if state else grad.clone()
                grad = state["velocity"]
            return parameter - grad * group["lr"]


class GateAdamW(GateOptimiser):
    """AdamW by gates.

    m = b1 * m + (1 - b1) * g;  v = b2 * v + ((1 - b2) * g) * g
    p = p * (1 - lr * decay) - (lr / (1 - b1^t)) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)

    Numbers that depend on the step alone are constants, computed in float64 and rounded once.
    Source: Loshchilov and Hutter, 2019, arXiv 1711.05101.

    Args:
        params: as for `torch.optim.AdamW`.
        lr, betas, eps, weight_decay: as there.
        executor, basis, count, options: as for `lava_nexus.torch.convert`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        *,
        executor: str | Executor = DEFAULT_EXECUTOR,
        basis: str = "threshold",
        count: bool = False,
        **options: Any,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults, executor, basis, count, **options)

    def _updated(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor:
        state = self.state[parameter]
        if not state:
            state.update(step=0, mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
        state["step"] += 1
        first, second = group["betas"]
        rate = group["lr"] / (1 - first ** state["step"])
        root = (1 - second ** state["step"]) ** 0.5
        with GateMode(self.gates):
            state["mean"] = state["mean"] * first + grad * (1 - first)
            state["square"] = state["square"] * second + grad * (1 - second) * grad
            kept = parameter * (1 - group["lr"] * group["weight_decay"])
            return kept - state["mean"] * rate / (state["square"].sqrt() / root + group["eps"])
