"""Which model folders are admitted. The folders are written by hand, byte by byte, so no model library is needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ModelFolderRefused
from rtbf.lm.folder import admit_model_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 8


def safetensors(shapes: dict[str, list[int]], *, missing_bytes: int = 0, extra_bytes: int = 0) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    body = json.dumps(header).encode()
    return len(body).to_bytes(8, "little") + body + bytes(end + extra_bytes - missing_bytes)


def raw_header(header: Any, data: bytes = b"") -> bytes:
    body = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(body).to_bytes(8, "little") + body + data


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def tokenizer(largest_id: int = ROWS - 1) -> dict[str, Any]:
    return {"model": {"type": "BPE", "vocab": {f"t{number}": number for number in range(largest_id)}}, "added_tokens": [{"id": largest_id}]}


def config(**changes: Any) -> dict[str, Any]:
    return {"architectures": ["LlamaForCausalLM"], "vocab_size": ROWS, **changes}


WEIGHTS = {"model.embed_tokens.weight": [ROWS, 2], "model.norm.weight": [2]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "tiny"
    path.mkdir()
    write_json(path / "config.json", config())
    write_json(path / "tokenizer.json", tokenizer())
    (path / "model.safetensors").write_bytes(safetensors(WEIGHTS))
    return path


def test_a_complete_folder_is_admitted_with_the_digests_of_its_files(folder: Path) -> None:
    files = admit_model_folder(folder)

    assert [file.name for file in files] == ["config.json", "model.safetensors", "tokenizer.json"]
    assert files[1].size_bytes == (folder / "model.safetensors").stat().st_size


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "config that is no JSON": (lambda f: (f / "config.json").write_text("{"), "no readable JSON"),
    "config in another encoding": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe{}"), "no readable JSON"),
    "config that is a list": (lambda f: (f / "config.json").write_text("[]"), "no JSON object"),
    "no architecture": (lambda f: write_json(f / "config.json", {"vocab_size": ROWS}), "architectures missing"),
    "an encoder": (lambda f: write_json(f / "config.json", config(architectures=["BertForMaskedLM"])), "BertForMaskedLM"),
    "a sequence-to-sequence model": (
        lambda f: write_json(f / "config.json", config(architectures=["T5ForConditionalGeneration"])), "T5ForConditional",
    ),
    "architectures of another type": (lambda f: write_json(f / "config.json", config(architectures=7)), "architectures missing"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer"),
    "half a tokenizer": (lambda f: (f / "tokenizer.json").rename(f / "vocab.json"), "no tokenizer"),
    "an empty tokenizer": (lambda f: write_json(f / "tokenizer.json", {"model": {"vocab": {}}}), "without a vocabulary"),
    "a tokenizer without ids": (lambda f: write_json(f / "tokenizer.json", {"model": {"vocab": {"a": "b"}}}), "without a vocabulary"),
    "a broken tokenizer": (lambda f: (f / "tokenizer.json").write_text("{]"), "tokenizer.json that is no readable JSON"),
    "a token id beyond the weights": (lambda f: write_json(f / "tokenizer.json", tokenizer(ROWS)), f"token id {ROWS}"),
    "an added token beyond the weights": (
        lambda f: write_json(f / "tokenizer.json", {"model": {"vocab": {"a": 0}}, "added_tokens": [{"id": 99}]}), "token id 99",
    ),
    "a config of another vocabulary": (lambda f: write_json(f / "config.json", config(vocab_size=9)), "an embedding of 8 rows"),
    "weights without embedding or vocab_size": (
        lambda f: (
            write_json(f / "config.json", {"architectures": ["XForCausalLM"]}),
            (f / "model.safetensors").write_bytes(safetensors({"w": [2]})),
        ),
        "cannot be told",
    ),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors"),
    "an adapter alone": (lambda f: (f / "model.safetensors").rename(f / "adapter_model.safetensors"), "no model.safetensors"),
    "empty weights": (lambda f: (f / "model.safetensors").write_bytes(b""), "header longer than the file"),
    "weights of seven bytes": (lambda f: (f / "model.safetensors").write_bytes(b"1234567"), "header longer than the file"),
    "truncated weights": (lambda f: (f / "model.safetensors").write_bytes(safetensors(WEIGHTS, missing_bytes=1)), "bytes of data"),
    "weights with a tail": (lambda f: (f / "model.safetensors").write_bytes(safetensors(WEIGHTS, extra_bytes=4)), "bytes of data"),
    "a header of lies": (lambda f: (f / "model.safetensors").write_bytes((2**63).to_bytes(8, "little") + b"{}"), "header longer"),
    "a header that is no JSON": (lambda f: (f / "model.safetensors").write_bytes(raw_header(b"{]")), "unreadable header"),
    "a header that is a list": (lambda f: (f / "model.safetensors").write_bytes(raw_header([])), "unreadable header"),
    "a header that nests without end": (lambda f: (f / "model.safetensors").write_bytes(raw_header(b"[" * 10_000)), "unreadable header"),
    "a tensor without offsets": (
        lambda f: (f / "model.safetensors").write_bytes(raw_header({"w": {"dtype": "F32", "shape": [1]}})), "unreadable header",
    ),
    "a shape that does not fit its bytes": (
        lambda f: (f / "model.safetensors").write_bytes(
            raw_header({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]}}, bytes(4))
        ), "unreadable header",
    ),
    "overlapping tensors": (
        lambda f: (f / "model.safetensors").write_bytes(
            raw_header({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, bytes(8))
        ), "overlap",
    ),
    "code beside the weights": (lambda f: (f / "modeling_tiny.py").write_text("import os"), "modeling_tiny.py"),
    "code in a folder": (lambda f: ((f / "custom").mkdir(), (f / "custom" / "x.py").touch()), "custom/x.py"),
    "auto_map in the config": (lambda f: write_json(f / "config.json", config(auto_map={"AutoModel": "x--y.Z"})), "config.json"),
    "auto_map in the tokenizer": (lambda f: write_json(f / "tokenizer_config.json", {"auto_map": {}}), "tokenizer_config.json"),
    "a link out of the folder": (lambda f: (f / "link.json").symlink_to("/etc/hostname"), "symbolic link"),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "told"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_folder_that_is_not_whole_or_not_safe_is_refused_by_name(folder: Path, damage: Callable[[Path], object], told: str) -> None:
    damage(folder)

    with pytest.raises(ModelFolderRefused) as refused:
        admit_model_folder(folder)

    assert told in refused.value.found
    assert refused.value.expected
    assert refused.value.remedy


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin",
        "training_args.bin",
        "model.pt",
        "x.PTH",
        "m.ckpt",
        "a.pkl",
        "tf_model.h5",
        "flax_model.msgpack",
        "sub/optimizer.pt",
    ],
)
def test_pickled_weights_are_refused_even_beside_safe_ones(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\x80\x04.")

    with pytest.raises(ModelFolderRefused, match="run code") as refused:
        admit_model_folder(folder)

    assert name in refused.value.found


@pytest.mark.parametrize("missing", ["a folder", "a file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "x"
    if missing == "a file":
        path.touch()

    with pytest.raises(ModelFolderRefused, match="no folder"):
        admit_model_folder(path)


def shard(folder: Path, weight_map: Any, **shards: dict[str, list[int]]) -> None:
    (folder / "model.safetensors").unlink()
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    for name, shapes in shards.items():
        (folder / f"{name}.safetensors").write_bytes(safetensors(shapes))


def test_a_sharded_model_is_admitted_whole(folder: Path) -> None:
    embedding = "transformer.wte.weight"
    shard(folder, {embedding: "s1.safetensors", "w": "s2.safetensors"}, s1={embedding: [ROWS, 2]}, s2={"w": [3]})

    files = admit_model_folder(folder)

    assert "s2.safetensors" in {file.name for file in files}


@pytest.mark.parametrize(
    ("weight_map", "told"),
    [
        ({"a": "s1.safetensors", "b": "s9.safetensors"}, "missing shards: s9.safetensors"),
        ({"a": "../tiny/s1.safetensors"}, "missing shards"),
        ({"a": "s1.safetensors", "b": "s1.safetensors"}, "1 tensors that are not in their shard"),
        ({}, "without a weight_map"),
        ({"a": 7}, "without a weight_map"),
        ([], "without a weight_map"),
    ],
)
def test_an_index_that_names_what_is_not_there_is_refused(folder: Path, weight_map: Any, told: str) -> None:
    shard(folder, weight_map, s1={"a": [ROWS, 2]})

    with pytest.raises(ModelFolderRefused) as refused:
        admit_model_folder(folder)

    assert told in refused.value.found


def test_an_embedding_larger_than_the_tokenizer_is_lawful_padding(folder: Path) -> None:
    write_json(folder / "tokenizer.json", tokenizer(3))

    assert len(admit_model_folder(folder)) == 3


@pytest.mark.parametrize("vocabulary", [[["a", -1.0], ["b", -2.0]], {"a": 0, "b": 1}])
def test_both_shapes_of_a_vocabulary_are_read(folder: Path, vocabulary: Any) -> None:
    write_json(folder / "tokenizer.json", {"model": {"vocab": vocabulary}, "added_tokens": []})

    assert len(admit_model_folder(folder)) == 3


def test_a_tokenizer_of_two_files_is_admitted_and_checked(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "merges.txt").write_text("#version: 0.2\n")
    write_json(folder / "vocab.json", {"a": 0, "b": ROWS - 1})

    assert len(admit_model_folder(folder)) == 4

    write_json(folder / "added_tokens.json", {"<x>": ROWS})
    with pytest.raises(ModelFolderRefused, match="token id 8"):
        admit_model_folder(folder)
