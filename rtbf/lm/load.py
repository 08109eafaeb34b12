"""Load a model folder as it was registered: safetensors, no code from the folder, float32 or as asked, eval mode."""

from __future__ import annotations

import json
import logging
import warnings
from typing import TYPE_CHECKING, Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from rtbf.evidence.canonical import digest_bytes
from rtbf.lm.digest import require_digest, tokenizer_digest

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

MAX_TOKENS = 256
"""Longest sequence that is trained or scored; longer text is cut into chunks of this (npo.md: 128-256)."""


def prepare_torch(threads: int) -> None:
    """Set the thread count and deterministic kernels for this process, and silence progress bars of the libraries."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    # Padding without a mask is intended: right padding cannot reach earlier positions of a causal model.
    logging.getLogger("transformers").setLevel(logging.ERROR)
    # Notices to developers of transformers about its own next release; peft calls the old name.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


def environment() -> tuple[tuple[str, str], ...]:
    """Return what the numbers depend on besides the weights: versions, device, threads."""
    import peft  # noqa: PLC0415 - three seconds that scoring alone does not need

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    return (
        ("deterministic", str(torch.are_deterministic_algorithms_enabled()).lower()),
        ("device", device),
        ("dtype", "float32"),
        ("peft", peft.__version__),
        ("threads", str(torch.get_num_threads())),
        ("torch", torch.__version__),
        ("transformers", transformers.__version__),
    )


def device_of_choice() -> torch.device:
    """Return the first GPU, or the CPU."""
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def load_model(folder: Path, digest: str, what: str) -> PreTrainedModel:
    """Return the model in `folder`, in eval mode, after checking that its files are the registered ones (ArtefactMismatch)."""
    require_digest(folder, digest, what)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, local_files_only=True
    )
    model.eval()
    return model.to(device_of_choice())  # type: ignore[no-any-return]


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the folder's tokenizer."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    return tokenizer  # type: ignore[no-any-return]


def tokenizer_identity(folder: Path) -> str:
    """Return one digest over what the folder's tokenizer makes of a text, however its files are laid out.

    A published folder may hold vocab.json and merges.txt where a copy that transformers saved holds tokenizer.json alone, with
    the same ids for every text. What is only added around a text (padding, truncation) is no part of it: nothing here uses that.
    A tokenizer that does not describe itself is told by its tables (`rtbf.lm.digest.tokenizer_digest`).
    """
    inner = getattr(load_tokenizer(folder), "backend_tokenizer", None)
    if inner is None:
        return tokenizer_digest(folder)
    described = json.loads(inner.to_str())
    told = {name: value for name, value in described.items() if name not in {"padding", "truncation"}}
    # Scores of a unigram vocabulary are floats, which the canonical form of evidence refuses.
    return digest_bytes(json.dumps(told, sort_keys=True, separators=(",", ":")).encode())


def folder_context_tokens(folder: Path) -> int:
    """Return `context_tokens` of the model in `folder` without loading its weights."""
    return _context_of(AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True))


def context_tokens(model: PreTrainedModel) -> int:
    """Return how many tokens a sequence may have: the model's own limit or ours, whichever is smaller."""
    return _context_of(model.config)


def _context_of(config: PreTrainedConfig) -> int:
    own = getattr(config, "max_position_embeddings", None)
    return MAX_TOKENS if own is None else min(MAX_TOKENS, int(own))
