"""Config of a decoder that is trained by gates for some steps."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from lava_nexus.config import Config


class DecoderTraining(Config):
    """A LLaMA of random weights, trained on seeded synthetic text: a chain of words, each with a few that may follow.

    Attributes:
        hidden_size, intermediate_size, num_hidden_layers, num_attention_heads, num_key_value_heads, vocab_size,
            rms_norm_eps, rope_theta: as of a config.json.
        tokens: of a sequence that the loss is over.
        words: of the vocabulary that the text has.
        followers: of each word.
    """

    hidden_size: int = Field(ge=2)
    intermediate_size: int = Field(ge=1)
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    num_key_value_heads: int = Field(ge=1)
    vocab_size: int = Field(ge=2)
    rms_norm_eps: float = Field(default=1e-5, ge=0, allow_inf_nan=False)
    rope_theta: float = Field(default=10_000.0, gt=0, allow_inf_nan=False)
    tokens: int = Field(default=128, ge=1)
    words: int = Field(default=64, ge=2)
    followers: int = Field(default=4, ge=1)

    @model_validator(mode="after")
    def _sizes_fit(self) -> DecoderTraining:
        for one, other in (("hidden_size", "num_attention_heads"), ("num_attention_heads", "num_key_value_heads")):
            if getattr(self, one) % getattr(self, other):
                raise ValueError(f"{one} {getattr(self, one)} is no multiple of {other} {getattr(self, other)}")
        if self.hidden_size // self.num_attention_heads % 2:
            raise ValueError(f"hidden_size {self.hidden_size} gives heads of odd width, which RoPE does not turn")
        if self.words > self.vocab_size:
            raise ValueError(f"words {self.words} are more than vocab_size {self.vocab_size}")
        return self

    @property
    def sizes(self) -> dict[str, Any]:
        """Keys and values of a config.json."""
        given = self.model_dump(exclude={"tokens", "words", "followers"})
        return {**given, "head_dim": self.hidden_size // self.num_attention_heads}
