"""Ids of texts and chats against transformers' AutoTokenizer, on tokenizers of every shape made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from lava_nexus.errors import NexusError
from lava_nexus.models.text import encoded, prompted, tokenizer

transformers = pytest.importorskip("transformers")

TEXTS = ("the cat sat", "The Cat sat <s> on", "thé cat</s>", " the  cat", "<extra> the cat <|im_end|>")
WORDS = [
    "<unk>",
    "<s>",
    "</s>",
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "the",
    "cat",
    "sat",
    "on",
    "The",
    "##s",
    "t",
    "##hé",
]
ROBERTA = {"tokenizer_class": "RobertaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}


def words() -> Tokenizer:
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


def pieces(lowercase: bool = True) -> Tokenizer:
    made = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 6), ("[CLS]", 5))
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    made.enable_padding(pad_id=3, pad_token="[PAD]", length=12)
    made.enable_truncation(4)
    return made


def bytes_(prefix: bool = False) -> Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(
        models.BPE({letter: i for i, letter in enumerate(letters)} | {"th": 256, "<s>": 257}, [("t", "h")])
    )
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    made.decoder = decoders.ByteLevel()
    return made


EXTRA = {"15": {"content": "<extra>", "special": False}, "16": {"content": "<|im_end|>", "special": True}}
CASES: dict[str, tuple[Tokenizer, dict[str, Any] | None, str]] = {
    "bos": (words(), {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}, "llama"),
    "neither": (words(), {"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": False}, "llama"),
    "both": (words(), {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": True}, "llama"),
    "no class": (words(), {}, "llama"),
    "no config": (words(), None, "mistral"),
    "plain": (words(), {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>"}, "llama"),
    "added": (words(), {"tokenizer_class": "PreTrainedTokenizerFast", "added_tokens_decoder": EXTRA}, "llama"),
    "additional": (words(), {"tokenizer_class": "GPT2Tokenizer", "additional_special_tokens": ["<extra>"]}, "gpt2"),
    "neox": (words(), {"tokenizer_class": "GPTNeoXTokenizer", "eos_token": "</s>", "add_eos_token": True}, "gpt_neox"),
    "bert": (pieces(), {"tokenizer_class": "BertTokenizer", "do_lower_case": True}, "bert"),
    "bert cased": (pieces(), {"tokenizer_class": "BertTokenizer", "do_lower_case": False}, "bert"),
    "bert no config": (pieces(False), None, "bert"),
    "distilbert": (pieces(), {"tokenizer_class": "DistilBertTokenizer"}, "distilbert"),
    "gpt2": (bytes_(), {"tokenizer_class": "GPT2Tokenizer"}, "gpt2"),
    "gpt2 prefix": (bytes_(), {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}, "gpt2"),
    "gpt2 stored prefix": (bytes_(True), {"tokenizer_class": "GPT2Tokenizer"}, "gpt2"),
    "qwen2": (bytes_(), {"tokenizer_class": "Qwen2Tokenizer", "split_special_tokens": True}, "qwen2"),
}


def written(folder: Path, name: str) -> Path:
    made, config, kind = CASES[name]
    made.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("name", CASES)
def test_ids_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    theirs = transformers.AutoTokenizer.from_pretrained(written(tmp_path, name))
    for text in TEXTS:
        assert encoded(tmp_path, text) == theirs(text)["input_ids"], text
        ids = tokenizer(tmp_path).encode(text, add_special_tokens=False).ids
        assert list(ids) == theirs(text, add_special_tokens=False)["input_ids"], text


TEMPLATE = (
    "{% for message in messages %}{{ '<s>' + message['role'] + ' ' + message['content'] + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ ' sat' }}{% endif %}"
)


def test_chats_are_those_of_transformers(tmp_path: Path) -> None:
    config = {"tokenizer_class": "LlamaTokenizer", "chat_template": TEMPLATE}
    written(tmp_path, "bos")
    with pytest.raises(NexusError, match="has no chat template"):
        prompted(tmp_path, "the cat")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    said = [{"role": "on", "content": "the"}, {"role": "cat", "content": "sat"}]
    assert prompted(tmp_path, said) == theirs.apply_chat_template(said, add_generation_prompt=True)
    once = [{"role": "user", "content": "the cat"}]
    assert prompted(tmp_path, "the cat") == theirs.apply_chat_template(once, add_generation_prompt=True)


def test_an_end_that_is_not_there(tmp_path: Path) -> None:
    made = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "GemmaTokenizer", "bos_token": null}')
    with pytest.raises(NexusError, match="'add_bos_token' is true, but there is no 'bos_token'"):
        encoded(tmp_path, "a")
