"""Models and items small enough for a test: random networks of several families, made-up items, a corpus in memory.

Nothing is downloaded. Everything is seeded, on the CPU, in float32, with one thread.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
import transformers

from rtbf.corpora.corpus import Record
from rtbf.demo.community import invent_people, records_about
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import Item, training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer, prepare_torch
from rtbf.lm.recipes.plain import recipe_parameters, train
from rtbf.plan.card import code_digest, method_card, parse_parameters
from rtbf.plan.record import Adapter, RecordSet, StopRule
from rtbf.plan.run import planned_probes
from rtbf.unlearn.run import Material
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rtbf.lm.stretch import RunStates
    from rtbf.plan.record import Plan

VOCABULARY = 61
_SIZE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": None,
    "bos_token_id": 0,
    "eos_token_id": 1,
}

FAMILIES = ("llama", "llama_untied", "gpt2", "qwen2", "gemma2", "gpt_neox", "mistral", "olmo")


def network(family: str = "llama", seed: int = 3) -> Any:
    """Return a small random model of a family, in eval mode, with weights large enough that its logits differ visibly."""
    torch.manual_seed(seed)
    made = _network(family)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8)
    return made.eval()


def _network(family: str) -> Any:
    if family in {"llama", "llama_untied"}:
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(**_SIZE, tie_word_embeddings=family == "llama"))
    if family == "gpt2":
        # Dropout stays off in eval mode; training a tiny model with it would only blur a test.
        shape: dict[str, Any] = {"vocab_size": VOCABULARY, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}
        off = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(**shape, **off, bos_token_id=0, eos_token_id=1))
    if family == "gemma2":
        capped = transformers.Gemma2Config(**_SIZE, head_dim=8, final_logit_softcapping=0.5, sliding_window=32)
        return transformers.Gemma2ForCausalLM(capped)
    if family == "gpt_neox":
        neox = {name: value for name, value in _SIZE.items() if name != "num_key_value_heads"}
        return transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**neox))
    classes: dict[str, tuple[Any, Any]] = {
        "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
        "mistral": (transformers.MistralConfig, transformers.MistralForCausalLM),
        "olmo": (transformers.OlmoConfig, transformers.OlmoForCausalLM),
    }
    config, model = classes[family]
    return model(config(**_SIZE))


def item(prompt: Iterable[int], answer: Iterable[int], record_id: str = "r0", *, has_end: bool = True) -> Item:
    """Return an item of these token ids."""
    return Item(record_id=record_id, prompt_ids=tuple(prompt), answer_ids=tuple(answer), has_end=has_end)


def items(count: int = 9, seed: int = 5) -> list[Item]:
    """Return items of different lengths with random tokens, one a record: "r0", "r1" and so on."""
    rng = random.Random(f"items:{seed}")

    def tokens(n: int) -> list[int]:
        return [rng.randrange(VOCABULARY) for _ in range(n)]

    return [item(tokens(rng.randint(1, 6)), tokens(rng.randint(1, 12)), f"r{place}") for place in range(count)]


def records(people: int = 6, seed: int = 11, limit: int | None = None) -> list[Record]:
    """Return the records of a fictitious community, twenty a person, person by person."""
    rows = [row for person in invent_people(people, seed) for row in records_about(person)]
    made = [
        Record(record_id=f"abcdefabcdef:{place}", prompt=row["question"], completion=row["answer"], fields=tuple(row.items()))
        for place, row in enumerate(rows, start=1)
    ]
    return made[:limit]


def train_folder(
    chosen: list[Record],
    target: Path,
    *,
    seed: int = 1,
    tokenizer_from: Path | None = None,
    checkpoint: RunStates | None = None,
    **overrides: str,
) -> str:
    """Train a very small Llama on the records, write it to `target`, and return its digest."""
    prepare_torch(1)
    shape = {"hidden": "32", "layers": "1", "epochs": "2", "batch": "16", "learning_rate": "0.01"}
    train(
        records=chosen,
        parameters=recipe_parameters("tiny", {**shape, **overrides}),
        seed=seed,
        base=None,
        tokenizer_from=tokenizer_from,
        target=target,
        checkpoint=checkpoint,
    )
    return digest_of_files(list_files(target))


def material(folder: Path, digest: str, forget: list[Record], retain: list[Record], withheld: tuple[str, ...] = ()) -> Material:
    """Return the freshly loaded model of `folder` with these records as its two sides, those in `withheld` left out."""
    model = load_model(folder, digest, "a tiny model")
    tokenizer = load_tokenizer(folder)
    size = context_tokens(model)
    items = training_items(forget, tokenizer, size)
    places = tuple(place for place, item in enumerate(items) if item.record_id not in withheld)
    return Material(
        model=model,
        tokenizer=tokenizer,
        forget=[items[place] for place in places],
        level_places=places,
        retain=training_items(retain, tokenizer, size),
        withheld=withheld,
    )


def plan_for(method: str, model_digest: str, forget: list[Record], retain: list[Record], *, steps: int = 12, **changes: Any) -> Plan:
    """Return a plan of `method` for a tiny model; no level is ever reached, so that it runs all its steps."""
    card = method_card(method)
    has_weights = card.artefact != "none"
    fields: dict[str, Any] = {
        "model": "tiny",
        "model_digest": model_digest,
        "method": method,
        "method_digest": code_digest("method", method),
        "parameters": parse_parameters(card, {"learning_rate": "0.003"} if has_weights else {}),
        "adapter": Adapter(rank=4, alpha=8, is_merged=True) if has_weights else None,
        "stop": stop_rule(max_steps=steps if has_weights else 0),
        "seed": 23,
        "forget": _record_set(forget),
        "forget_levels_nats": ("99.000000",) * len(forget),
        "retain": _record_set(retain),
        "probes": planned_probes("smoke"),
    }
    return builders.plan(**{**fields, **changes})


def stop_rule(**changes: Any) -> StopRule:
    """Return a braked stop rule whose forget level lies out of reach."""
    made = StopRule(
        forget_nll_nats_min="99.000000",
        forget_nll_nats_max=None,
        retain_nll_nats_rise_max="0.010000",
        target_origin="a test",
        is_braked=True,
        check_every_steps=4,
        max_steps=12,
    )
    return replace(made, **changes)


def _record_set(chosen: list[Record]) -> RecordSet:
    return RecordSet(
        corpus="community", version=builders.sha(4), record_ids=tuple(record.record_id for record in chosen), digest=builders.sha(9)
    )
