"""Admit a model folder: a complete causal language model in safetensors, with its tokenizer and without code. Needs no torch.

Refuses pickled weights (loading one runs whatever it holds), code of the folder's own, truncated or missing shards,
and a vocabulary that does not fit the weights. It does not prove that the weights are any good, nor where they are from.
Source: the safetensors format (8-byte little-endian header length, JSON header, data); Hugging Face folder layout.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

from rtbf.errors import ModelFolderRefused
from rtbf.lm.digest import list_files

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.lm.digest import ArtefactFile

PICKLED_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack", ".npz", ".npy", ".joblib"})
CAUSAL_LM_ENDINGS = ("ForCausalLM", "LMHeadModel")
EMBEDDING_ENDINGS = ("embed_tokens.weight", "wte.weight", "embed_in.weight", "word_embeddings.weight", "tok_embeddings.weight")
MAX_HEADER_BYTES = 100_000_000  # The limit of the safetensors library itself.

_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_CONFIGS = ("config.json", "tokenizer_config.json", "generation_config.json", "processor_config.json")
_DTYPE_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64,
}  # fmt: skip


def admit_model_folder(path: Path) -> tuple[ArtefactFile, ...]:
    """Return the digests of the folder's files when it may be loaded; raises ModelFolderRefused saying what is wrong with it.

    Steps, in this order: 1 folder and config · 2 no pickles · 3 no code · 4 causal architecture · 5 weights complete ·
    6 tokenizer · 7 vocabulary fits the weights.
    """
    # 1
    if not path.is_dir():
        _refuse(f"no folder at {path}", "a local Hugging Face model folder", "correct the path; models are never fetched from a hub")
    config = _json_object(path / "config.json", "a model folder holds its configuration there")
    # 2 and 3
    _require_no_pickles(path)
    _require_no_code(path)
    # 4
    architectures = config.get("architectures")
    names = [name for name in architectures if isinstance(name, str)] if isinstance(architectures, list) else []
    if not any(name.endswith(CAUSAL_LM_ENDINGS) for name in names):
        found = f"config.json with architectures {names or 'missing'}"
        _refuse(
            found,
            "a causal language model (…ForCausalLM or …LMHeadModel)",
            "add the text model itself, not an encoder, adapter or pipeline",
        )
    # 5, 6 and 7
    shapes = _weight_shapes(path)
    largest_id = _largest_token_id(path)
    _require_fitting_vocabulary(config, shapes, largest_id)
    return list_files(path)


def read_header(path: Path) -> dict[str, tuple[int, ...]]:
    """Return each tensor's shape from a safetensors file; raises ModelFolderRefused when header or length are wrong."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        if size_bytes < 8 or header_bytes > min(MAX_HEADER_BYTES, size_bytes - 8):  # noqa: PLR2004 - the format's length field
            _broken(path, "a header longer than the file")
        try:
            header = json.loads(file.read(header_bytes).decode("utf-8"))
            entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
            shapes = {name: _checked_shape(entry) for name, entry in entries.items()}
            spans = sorted(tuple(entry["data_offsets"]) for entry in entries.values())
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as refused:
            raise _refusal(path.name + " with an unreadable header", "a safetensors file", "save the model again") from refused
    end = 0
    for start, stop in spans:
        if start != end or stop < start:
            _broken(path, "tensors that overlap or leave gaps")
        end = stop
    if end != size_bytes - 8 - header_bytes:
        _broken(path, f"{size_bytes - 8 - header_bytes} bytes of data where its header names {end}")
    return shapes


def _require_no_pickles(path: Path) -> None:
    pickled = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.suffix.lower() in PICKLED_SUFFIXES)
    if pickled:
        found = f"weights that run code when they are loaded: {', '.join(pickled)}"
        _refuse(found, "weights in *.safetensors only", "save with safe_serialization, and move these files out of the folder")


def _require_no_code(path: Path) -> None:
    code = sorted(file.relative_to(path).as_posix() for file in path.rglob("*.py"))
    code += [name for name in _CONFIGS if (path / name).is_file() and "auto_map" in _json_object(path / name, "")]
    if code:
        found = f"code of the model's own: {', '.join(code)}"
        _refuse(found, "a model of transformers' own classes (no *.py, no auto_map)", "convert it to a built-in architecture")


def _weight_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    index = path / _INDEX
    if not index.is_file():
        if not (path / _WEIGHTS).is_file():
            _refuse(
                f"no {_WEIGHTS} and no {_INDEX}",
                "one of them",
                "save the whole model with safe_serialization; an adapter alone is no model",
            )
        return read_header(path / _WEIGHTS)
    weight_map = _json_object(index, "").get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map or not all(isinstance(shard, str) for shard in weight_map.values()):
        _refuse(f"{_INDEX} without a weight_map", "a map from tensor to shard", "save the model again")
    shards = sorted(set(weight_map.values()))
    # A name with a folder in it would let the index read files outside the model.
    missing = [shard for shard in shards if PurePosixPath(shard).name != shard or not (path / shard).is_file()]
    if missing:
        _refuse(f"missing shards: {', '.join(missing)}", f"the {len(shards)} files that {_INDEX} names", "copy the whole folder again")
    shapes = {(shard, name): shape for shard in shards for name, shape in read_header(path / shard).items()}
    lost = sorted(name for name, shard in weight_map.items() if (shard, name) not in shapes)
    if lost:
        _refuse(
            f"{len(lost)} tensors that are not in their shard ('{lost[0]}' is the first)",
            f"what {_INDEX} names",
            "copy the whole folder again",
        )
    return {name: shape for (_, name), shape in shapes.items()}


def _largest_token_id(path: Path) -> int:
    """Return the largest token id the tokenizer can give."""
    if (path / "tokenizer.json").is_file():
        tokenizer = _json_object(path / "tokenizer.json", "")
        model, added = tokenizer.get("model"), tokenizer.get("added_tokens") or []
        vocabulary = model.get("vocab") if isinstance(model, dict) else None
        # Unigram keeps a list of [token, score], where the place is the id; the others keep token → id.
        ids = (
            list(vocabulary.values())
            if isinstance(vocabulary, dict)
            else list(range(len(vocabulary)))
            if isinstance(vocabulary, list)
            else []
        )
        ids += [token.get("id") for token in added if isinstance(token, dict)] if isinstance(added, list) else []
        what = "tokenizer.json"
    elif (path / "vocab.json").is_file() and (path / "merges.txt").is_file():
        ids = list(_json_object(path / "vocab.json", "").values())
        if (path / "added_tokens.json").is_file():
            ids += _json_object(path / "added_tokens.json", "").values()
        what = "vocab.json"
    else:
        remedy = "load it with AutoTokenizer where its libraries are and save_pretrained() it into the folder"
        _refuse("no tokenizer", "tokenizer.json, or vocab.json with merges.txt", remedy)
    if not ids or not all(isinstance(token_id, int) and token_id >= 0 for token_id in ids):
        _refuse(f"{what} without a vocabulary of token ids", "a vocabulary", "save the tokenizer again")
    return max(ids)


def _require_fitting_vocabulary(config: dict[str, Any], shapes: dict[str, tuple[int, ...]], largest_id: int) -> None:
    declared = config.get("vocab_size")
    rows = {shape[0] for name, shape in shapes.items() if name.endswith(EMBEDDING_ENDINGS) and len(shape) == 2}  # noqa: PLR2004 - a matrix
    if len(rows) > 1 or not (rows or isinstance(declared, int)):
        _refuse(
            "weights whose token embedding cannot be told",
            f"one matrix called …{EMBEDDING_ENDINGS[0]}",
            "add a model of a usual architecture",
        )
    size = min(rows) if rows else int(str(declared))
    if isinstance(declared, int) and declared != size:
        _refuse(f"an embedding of {size} rows", f"{declared} rows (vocab_size in config.json)", "save weights and config together")
    if largest_id >= size:
        found = f"a tokenizer with token id {largest_id} over an embedding of {size} rows"
        _refuse(found, f"ids below {size}", "use the tokenizer that the model was trained with, or resize the embedding")


def _checked_shape(entry: dict[str, Any]) -> tuple[int, ...]:
    """Return a header entry's shape; raises ValueError when its bytes do not fit its shape and type."""
    shape = tuple(int(side) for side in entry["shape"])
    start, stop = entry["data_offsets"]
    count = 1
    for side in shape:
        count *= side
    bits = _DTYPE_BITS.get(entry["dtype"])
    if bits is not None and count * bits != 8 * (stop - start):
        raise ValueError("a tensor whose bytes do not fit its shape")
    return shape


def _json_object(path: Path, why: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise _refusal(f"no {path.name}", f"{path.name} ({why})", "add the folder that save_pretrained() wrote") from missing
    except (OSError, ValueError, RecursionError) as refused:
        raise _refusal(f"{path.name} that is no readable JSON", "a JSON object in UTF-8", "save the model again") from refused
    if not isinstance(content, dict):
        _refuse(f"{path.name} that is no JSON object", "a JSON object", "save the model again")
    return content


def _broken(path: Path, trouble: str) -> NoReturn:
    _refuse(f"{path.name} with {trouble}", "a complete safetensors file", "copy or save it again; it may have been cut short")


def _refuse(found: str, expected: str, remedy: str) -> NoReturn:
    raise _refusal(found, expected, remedy)


def _refusal(found: str, expected: str, remedy: str) -> ModelFolderRefused:
    return ModelFolderRefused(found=found, expected=expected, remedy=remedy)
