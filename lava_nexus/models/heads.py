"""Heads: how hidden states become logits, by the class of model that a checkpoint was saved from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from lava_nexus.errors import NexusError


@dataclass(frozen=True)
class Head:
    """A linear layer behind the model.

    Attributes:
        name: of the linear layer.
        outputs: as many as tokens, as the labels of the config, or a number.
        bias: name of the bias; empty where there is none.
        pooled: whether it reads the pooler's answer, one for each sequence, and not every token's hidden state.
        transform: start of the names of a dense layer and a norm in front of it, empty where there are none.
    """

    name: str
    outputs: Literal["vocabulary", "labels"] | int = "vocabulary"
    bias: str = ""
    pooled: bool = False
    transform: str = ""

    def held_by(self, names: set[str]) -> Head:
        """The head, its bias by the name that a checkpoint of these tensors has for it."""
        other = f"{self.name}.bias"
        return replace(self, bias=other) if self.bias and self.bias not in names and other in names else self


Heads = Mapping[str, Head | None]
"""Class of the transformers library to its head, None for a model without one; where none is named, the first."""


def causal_heads(name: str, bias: bool = False) -> Heads:
    """Those of a decoder: the language model, and the body alone."""
    return {f"{name}ForCausalLM": Head("lm_head", bias="lm_head.bias" if bias else ""), f"{name}Model": None}


BERT_HEADS: Heads = {
    "BertModel": None,
    "BertForMaskedLM": Head(
        "cls.predictions.decoder", bias="cls.predictions.bias", transform="cls.predictions.transform."
    ),
    "BertForSequenceClassification": Head("classifier", "labels", "classifier.bias", pooled=True),
    "BertForNextSentencePrediction": Head("cls.seq_relationship", 2, "cls.seq_relationship.bias", pooled=True),
    "BertForTokenClassification": Head("classifier", "labels", "classifier.bias"),
    "BertForQuestionAnswering": Head("qa_outputs", "labels", "qa_outputs.bias"),
}


def named_head(heads: Heads, config: Mapping[str, Any], source: str) -> tuple[str, Head | None]:
    """(class, head) that `architectures` of a config names.

    Raises:
        NexusError: a head that is not supported.
    """
    given = config.get("architectures")
    if not heads or not given:
        return next(iter(heads.items()), ("", None))
    wanted = given[0] if isinstance(given, list) else given
    for name, head in heads.items():
        if str(wanted).lower() == name.lower():  # the first conversions of LLaMA wrote LLaMAForCausalLM
            return name, head
    raise NexusError(
        f"{source}: 'architectures' has {wanted!r}, whose head is not supported; known are {', '.join(heads)}"
    )


def labels(config: Mapping[str, Any], source: str) -> int:
    """Number of labels that a config states.

    Raises:
        NexusError: it is no such number.
    """
    named = config.get("id2label")
    count = config.get("num_labels", len(named) if isinstance(named, dict) else 2)
    if type(count) is not int or count < 1:
        raise NexusError(f"{source}: 'num_labels' is {count!r}, must be an integer of at least 1")
    return count
