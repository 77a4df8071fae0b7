"""Text to tokens and back, with the ids that transformers' AutoTokenizer gives for a checkpoint's folder.

`tokenizer.json` is the tokenizer; padding and truncation that it stores are off. `tokenizer_config.json`,
`special_tokens_map.json` and the class that they (or the model's type) name say what is changed about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lava_nexus.documents import read_json, read_text
from lava_nexus.errors import NexusError, needs_package
from lava_nexus.models.gguf_model import gguf_in, gguf_tokenizer

_FILE = "tokenizer.json"
_CONFIG, _SPECIAL = "tokenizer_config.json", "special_tokens_map.json"

_BERT_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
_ONE = "<|endoftext|>"
_GPT2_TOKENS = {"unk_token": _ONE, "bos_token": _ONE, "eos_token": _ONE}
_LLAMA_TOKENS = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
_ROBERTA_TOKENS = {
    **_LLAMA_TOKENS,
    "sep_token": "</s>",
    "cls_token": "<s>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
CLASS_TOKENS: dict[str, dict[str, str]] = {
    "LlamaTokenizer": _LLAMA_TOKENS,
    "GemmaTokenizer": {"unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"},
    "BertTokenizer": _BERT_TOKENS,
    "DistilBertTokenizer": _BERT_TOKENS,
    "RobertaTokenizer": _ROBERTA_TOKENS,
    "GPT2Tokenizer": _GPT2_TOKENS,
    "GPTNeoXTokenizer": _GPT2_TOKENS,
    "CodeGenTokenizer": _GPT2_TOKENS,
    "Qwen2Tokenizer": {"eos_token": _ONE, "pad_token": _ONE},
}
"""Special tokens that a tokenizer class of transformers has where nothing else is said."""

ENDS_ADDED = {"LlamaTokenizer": True, "GemmaTokenizer": True, "CodeLlamaTokenizer": True, "GPTNeoXTokenizer": False}
"""Classes that put a beginning and an end around a text by `add_bos_token` and `add_eos_token`, whatever
`tokenizer.json` says, to the default of the first; the default of the second is no."""

CLASS_OF: dict[str, str] = {
    **dict.fromkeys(("llama", "mistral", "mixtral", "phi3"), "LlamaTokenizer"),
    **dict.fromkeys(("gemma", "gemma2", "gemma3", "gemma3_text"), "GemmaTokenizer"),
    **dict.fromkeys(("qwen2", "qwen3", "qwen3_moe"), "Qwen2Tokenizer"),
    **dict.fromkeys(("gpt_neox", "olmo2"), "GPTNeoXTokenizer"),
    **dict.fromkeys(("gpt2", "granite"), "GPT2Tokenizer"),
    "bert": "BertTokenizer",
    "distilbert": "DistilBertTokenizer",
    "roberta": "RobertaTokenizer",
    "phi": "CodeGenTokenizer",
}
"""By `model_type`, where the folder names no class."""

_NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def encoded(folder: Path, text: str) -> list[int]:
    """The ids of a text, with the special tokens that the tokenizer adds.

    Raises:
        NexusError: the folder has no tokenizer.json, it is none, or the text gives no token.
    """
    ids = list(tokenizer(folder).encode(text).ids)
    if not ids:
        raise NexusError(f"text {text!r} gives no token")
    return ids


def decoded(folder: Path, ids: Sequence[int]) -> str | None:
    """The text of ids; None where the folder has no tokenizer.json."""
    if gguf_in(folder) is None and not (folder / _FILE).is_file():
        return None
    return str(tokenizer(folder).decode(list(ids)))


def prompted(folder: Path, messages: str | Sequence[Mapping[str, str]]) -> list[int]:
    """The ids of a chat by the folder's template, up to where the model is to answer.

    >>> prompted(Path("SmolLM2-135M-Instruct"), "What is the capital of France?")

    Args:
        folder: of the checkpoint.
        messages: `role` and `content` of each; a text is one message of the role `user`.

    Raises:
        NexusError: the folder has no template, or the template refuses the messages.
    """
    template, special = _chat(folder)
    said = [{"role": "user", "content": messages}] if isinstance(messages, str) else [dict(m) for m in messages]
    try:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise NexusError("chat templates are rendered by jinja2, which is not installed: pip install jinja2") from None

    def refuse(message: str) -> str:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
    environment.globals["raise_exception"] = refuse
    try:
        text = environment.from_string(template).render(messages=said, add_generation_prompt=True, **special)
    except (TemplateError, TypeError) as error:
        raise NexusError(f"the chat template of '{folder}' refuses the messages: {error}") from error
    ids = list(tokenizer(folder).encode(text, add_special_tokens=False).ids)
    if not ids:
        raise NexusError(f"the chat template of '{folder}' makes no token of the messages")
    return ids


def _chat(folder: Path) -> tuple[str, dict[str, str]]:
    """(chat template, special tokens by role) of a folder or a GGUF file."""
    if (single := gguf_in(folder)) is not None:
        _, template, special = gguf_tokenizer(single)
        if template is None:
            raise NexusError(f"checkpoint '{single}' has no chat template, so it takes texts and no messages")
        return template, special
    named = _special(folder, _read_config(folder))
    return _template(folder), {role: token for role, token in named.items() if isinstance(token, str)}


def _template(folder: Path) -> str:
    file = folder / "chat_template.jinja"
    if file.is_file():
        return read_text(file, "chat template")
    given = _read_config(folder).get("chat_template")
    if isinstance(given, list):
        given = {each.get("name"): each.get("template") for each in given if isinstance(each, dict)}.get("default")
    if not isinstance(given, str):
        raise NexusError(f"checkpoint '{folder}' has no chat template, so it takes texts and no messages")
    return given


def tokenizer(folder: Path) -> Any:
    """The folder's tokenizer.json, changed as AutoTokenizer does.

    Raises:
        NexusError: there is none, or it is none.
    """
    if (single := gguf_in(folder)) is not None:
        return gguf_tokenizer(single)[0]
    if not (folder / _FILE).is_file():
        raise NexusError(f"checkpoint '{folder}' has no '{_FILE}', so it takes token ids and no text")
    needs_package(f"the tokenizer of checkpoint '{folder}'", "tokenizers")
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_file(str(folder / _FILE))
    except Exception as error:  # tokenizers raises nothing narrower
        raise NexusError(f"'{folder / _FILE}' is no tokenizer: {str(error).splitlines()[0]}") from error
    made.no_padding()
    made.no_truncation()
    config = _read_config(folder)
    special = _special(folder, config)
    made.encode_special_tokens = bool(config.get("split_special_tokens", False))
    _add_tokens(made, config, special)
    kind = _class_of(folder, config)
    if kind in ENDS_ADDED:
        _surround(made, folder, config, special, ENDS_ADDED[kind])
    if kind in ("BertTokenizer", "DistilBertTokenizer"):
        _normalise(made, config)
    _prefix_space(made, config)
    return made


def _read_config(folder: Path) -> dict[str, Any]:
    found = read_json(folder / _CONFIG) if (folder / _CONFIG).is_file() else {}
    if not isinstance(found, dict):
        raise NexusError(f"'{folder / _CONFIG}' must hold keys and values")
    return found


def _class_of(folder: Path, config: Mapping[str, Any]) -> str:
    """The tokenizer class of transformers, without `Fast`."""
    named = config.get("tokenizer_class")
    if named is None and (folder / "config.json").is_file():
        model = read_json(folder / "config.json")
        model = model if isinstance(model, dict) else {}
        named = model.get("tokenizer_class") or CLASS_OF.get(str(model.get("model_type")))
    return str(named or "").removesuffix("Fast")


def _special(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Special tokens by role: of the class, of the map, of the config, each before those named earlier."""
    found: dict[str, Any] = dict(CLASS_TOKENS.get(_class_of(folder, config), {}))
    if "added_tokens_decoder" not in config and (folder / _SPECIAL).is_file():
        given = read_json(folder / _SPECIAL)
        found |= given if isinstance(given, dict) else {}
    found |= {name: config[name] for name in (*_NAMED, "additional_special_tokens") if name in config}
    extra = [_content(token) for token in found.pop("additional_special_tokens", None) or []]
    named = {name: _content(found[name]) for name in _NAMED if found.get(name) is not None}
    return {**named, "additional_special_tokens": extra}


def _content(token: Any) -> str:
    return str(token.get("content")) if isinstance(token, dict) else str(token)


def _add_tokens(made: Any, config: Mapping[str, Any], special: Mapping[str, Any]) -> None:
    """Tokens that the config names and tokenizer.json does not have as such."""
    from tokenizers import AddedToken

    there = {token.content for token in made.get_added_tokens_decoder().values()}
    plain = ("content", "single_word", "lstrip", "rstrip", "normalized", "special")
    listed = config.get("added_tokens_decoder") or {}
    wanted = [
        AddedToken(**{key: value for key, value in listed[number].items() if key in plain})
        for number in sorted(listed, key=int)
    ]
    names = [token for key, token in special.items() if isinstance(token, str)] + special["additional_special_tokens"]
    held = {token.content for token in wanted}
    for name in dict.fromkeys(names):
        if name not in held:
            wanted.append(AddedToken(name, special=True))
    for token in wanted:
        if token.content not in there:
            token.special = token.special or token.content in names
            (made.add_special_tokens if token.special else made.add_tokens)([token])


def _surround(made: Any, folder: Path, config: Mapping[str, Any], special: Mapping[str, Any], begins: bool) -> None:
    """The beginning in front of a text and the end behind it, as the config says; nothing else."""
    from tokenizers.processors import TemplateProcessing

    parts, used = ["$A:0"], []
    for key, role, default, at in (("add_bos_token", "bos_token", begins, 0), ("add_eos_token", "eos_token", False, 9)):
        if not (default if config.get(key) is None else config[key]):
            continue
        token = special.get(role)
        if token is None or made.token_to_id(token) is None:
            raise NexusError(f"'{folder / _CONFIG}': '{key}' is true, but there is no '{role}'")
        parts.insert(at, f"{token}:0")
        used.append((token, made.token_to_id(token)))
    made.post_processor = TemplateProcessing(single=" ".join(parts), special_tokens=used)


def _normalise(made: Any, config: Mapping[str, Any]) -> None:
    """Lower case, accents and Chinese characters as the config says, where tokenizer.json differs."""
    from tokenizers.normalizers import BertNormalizer

    if not isinstance(made.normalizer, BertNormalizer):
        return
    state = json.loads(made.normalizer.__getstate__())
    state.pop("type")
    state["lowercase"] = config.get("do_lower_case", True)
    state["strip_accents"] = config.get("strip_accents")
    state["handle_chinese_chars"] = config.get("tokenize_chinese_chars", True)
    made.normalizer = BertNormalizer(**state)


def _prefix_space(made: Any, config: Mapping[str, Any]) -> None:
    """Whether a text begins with a space of its own, as the config says, where bytes are the alphabet."""
    from tokenizers.pre_tokenizers import ByteLevel

    if isinstance(made.pre_tokenizer, ByteLevel):
        state = json.loads(made.pre_tokenizer.__getstate__())
        state.pop("type")
        state["add_prefix_space"] = bool(config.get("add_prefix_space", False))
        made.pre_tokenizer = ByteLevel(**state)
