"""Families of encoders by the `model_type` of a config.json: of text and of images."""

from __future__ import annotations

from dataclasses import replace

from lava_nexus.models.architecture import Architecture, Head, Heads

ATTENTION = ("query", "key", "value", "output")
ALL_LINEAR: dict[str, bool | str] = {role: True for role in (*ATTENTION, "up", "down")}
"""Biases of a family that has one in every linear layer."""


def _encoder_heads(name: str, words: Head, classifier: Head) -> Heads:
    """Those of an encoder: the body first."""
    return {
        f"{name}Model": None,
        f"{name}ForMaskedLM": words,
        f"{name}ForSequenceClassification": classifier,
        f"{name}ForTokenClassification": Head("classifier", "labels", "classifier.bias"),
        f"{name}ForQuestionAnswering": Head("qa_outputs", "labels", "qa_outputs.bias"),
    }


_BERT_WORDS = Head(
    "cls.predictions.decoder",
    bias="cls.predictions.bias",
    transform="cls.predictions.transform.dense",
    transform_norm="cls.predictions.transform.LayerNorm",
)
_BERT_HEADS: Heads = {
    **_encoder_heads("Bert", _BERT_WORDS, Head("classifier", "labels", "classifier.bias", pooled=True)),
    "BertForNextSentencePrediction": Head("cls.seq_relationship", 2, "cls.seq_relationship.bias", pooled=True),
    "BertForPreTraining": _BERT_WORDS,
}
_ROBERTA_WORDS = Head(
    "lm_head.decoder", bias="lm_head.bias", transform="lm_head.dense", transform_norm="lm_head.layer_norm"
)
_DISTILBERT_WORDS = Head(
    "vocab_projector",
    bias="vocab_projector.bias",
    transform="vocab_transform",
    transform_norm="vocab_layer_norm",
)
_BERT = Architecture(
    prefix="bert.",
    layer="encoder.layer.{}.",
    roles={
        **{role: f"attention.self.{role}" for role in ATTENTION[:3]},
        "output": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "feed_forward_norm": "output.LayerNorm",
    },
    embeddings={
        "words": "embeddings.word_embeddings",
        "positions": "embeddings.position_embeddings",
        "token_types": "embeddings.token_type_embeddings",
        "embedding_norm": "embeddings.LayerNorm",
    },
    endings={"pooler": "pooler.dense"},
    heads=_BERT_HEADS,
    biases=ALL_LINEAR,
    arrangement="post_norm",
    norm="layer",
    gated=False,
    causal=False,
    rotary=False,
    eps_key="layer_norm_eps",
    refused={"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False},
    ignored=("embeddings.position_ids", "pooler.", "cls.", "classifier.", "qa_outputs."),
)

ENCODERS: dict[str, Architecture] = {
    "bert": _BERT,
    "roberta": replace(
        _BERT,
        prefix="roberta.",
        heads=_encoder_heads(
            "Roberta",
            _ROBERTA_WORDS,
            Head("classifier.out_proj", "labels", "classifier.out_proj.bias", pooled=True, pooler="classifier.dense"),
        ),
        position_offset=True,
        ignored=("embeddings.position_ids", "pooler.", "lm_head.", "classifier.", "qa_outputs."),
    ),
    "distilbert": Architecture(
        prefix="distilbert.",
        layer="transformer.layer.{}.",
        roles={
            **{role: f"attention.{role[0]}_lin" for role in ATTENTION[:3]},
            "output": "attention.out_lin",
            "attention_norm": "sa_layer_norm",
            "up": "ffn.lin1",
            "down": "ffn.lin2",
            "feed_forward_norm": "output_layer_norm",
        },
        embeddings={key: name for key, name in _BERT.embeddings.items() if key != "token_types"},
        endings={},
        heads=_encoder_heads(
            "DistilBert",
            _DISTILBERT_WORDS,
            Head(
                "classifier",
                "labels",
                "classifier.bias",
                pooled=True,
                pooler="pre_classifier",
                pooler_activation="relu",
            ),
        ),
        biases=ALL_LINEAR,
        arrangement="post_norm",
        norm="layer",
        gated=False,
        causal=False,
        rotary=False,
        eps_key="layer_norm_eps",
        ignored=("vocab_", "pre_classifier.", "classifier.", "qa_outputs."),
    ),
    "vit": Architecture(
        prefix="vit.",
        layer="encoder.layer.{}.",
        roles={
            "attention_norm": "layernorm_before",
            **{role: f"attention.attention.{role}" for role in ATTENTION[:3]},
            "output": "attention.output.dense",
            "feed_forward_norm": "layernorm_after",
            "up": "intermediate.dense",
            "down": "output.dense",
        },
        embeddings={
            "patches": "embeddings.patch_embeddings.projection",
            "class_token": "embeddings.cls_token",
            "positions": "embeddings.position_embeddings",
        },
        endings={"final_norm": "layernorm", "pooler": "pooler.dense"},
        image=True,
        heads={
            "ViTModel": None,
            "ViTForImageClassification": Head("classifier", "labels", "classifier.bias", first=True),
        },
        biases={**ALL_LINEAR, **{role: "qkv_bias" for role in ATTENTION[:3]}, "patches": True},
        norm="layer",
        gated=False,
        causal=False,
        rotary=False,
        eps_key="layer_norm_eps",
        refused={"pooler_act": "tanh"},
        ignored=("embeddings.mask_token", "pooler.", "classifier."),
    ),
}
