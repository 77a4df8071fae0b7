"""Tensors of a model that a checkpoint stores in another form: parts, transposed, with other names or shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lava_nexus.models.spec import ModelSpec, Shape, Tensors


@dataclass(frozen=True)
class View:
    """A tensor as it stands in another one.

    Attributes:
        name, shape: of the stored one.
        rows: of it that are taken, in order; None for all.
        transposed: whether it is stored as [inputs, outputs]; `rows` are those of its transpose.
        offset: what is added to it.
        flat: whether it is another shape's elements in order, whole.
    """

    name: str
    shape: Shape
    rows: NDArray[np.int64] | None = None
    transposed: bool = False
    offset: float = 0.0
    flat: bool = False


def views_of(spec: ModelSpec) -> dict[str, View]:
    """Tensors that are stored in another form, by the names that the model has for them."""
    found: dict[str, View] = {}
    for layer in range(spec.layers):
        start = spec.prefix + spec.architecture.layer.format(layer)
        found |= {name: v for name, v in _stored(spec, spec.layer_tensors(layer), start).items() if v is not None}
    for tensors in (spec.embedding_tensors, spec.ending_tensors):
        found |= {name: v for name, v in _stored(spec, tensors, "").items() if v is not None}
    return found


def _stored(spec: ModelSpec, tensors: Tensors, start: str) -> dict[str, View | None]:
    family, found = spec.architecture, dict[str, View | None]()
    for key, (name, shape) in tensors.items():
        role, _, part = key.rpartition(".")
        if role.endswith("norm") and family.norm_offset and part == "weight":
            found[name] = View(name, shape, offset=family.norm_offset)
        elif role in family.fused:
            found[name] = _part(spec, role, f"{start}{family.fused[role]}.{part}", shape)
        elif role in family.transposed and part == "weight":
            found[name] = View(name, shape[::-1], transposed=True)
        elif spec.images is not None and key == "patches.weight":
            found[name] = View(name, (spec.width, spec.images.channels, *spec.images.patch), flat=True)
        elif spec.images is not None and role in ("class_token", "positions"):
            found[name] = View(name.removesuffix(".weight"), (1, *shape), flat=True)
    return found


def _part(spec: ModelSpec, role: str, name: str, shape: Shape) -> View:
    """The rows of a role in a module that holds several."""
    family = spec.architecture
    sharing = [r for r in family.roles if family.fused.get(r) == family.fused[role]]
    sizes = [spec.module_shapes(r)["weight"][0] for r in sharing]
    first, total = sum(sizes[: sharing.index(role)]), sum(sizes)
    rows = np.arange(first, first + shape[0])
    if family.by_head:
        width, heads = spec.shape.head_dim, np.arange(spec.shape.heads)[:, None]
        rows = ((heads * len(sharing) + sharing.index(role)) * width + np.arange(width)).ravel()
    if role in family.transposed and len(shape) == 2:
        return View(name, (shape[1], total), rows, transposed=True)
    return View(name, (total, *shape[1:]), rows)
