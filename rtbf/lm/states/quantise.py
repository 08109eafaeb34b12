"""Weights as a quantised release has them, by emulation: each linear weight becomes code × scale, then a float again.

    int8   8 bits, symmetric, one scale an output row: its greatest magnitude (round to nearest)
    nf4    4 bits, the 16 NormalFloat levels in blocks of 64 weights, one scale a block: its greatest magnitude
           (QLoRA, arXiv 2305.14314, section 3 and appendix E)

What it is for: most weights that unlearning moves a little fall back into their old code, and what seemed forgotten is
there again (sheet 6.4). It stands for the release's weights, not for its kernels. Not emulated: quantised activations
and outlier columns (LLM.int8), double quantisation of the scales (they stay in float32), arithmetic in bf16, and
calibrated quantisers (GPTQ, AWQ). Embeddings and the output layer keep their weights, as in those releases. A model
with an adapter gets the quantised base under its unquantised adapter.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch

from rtbf.lm.states.weights import exchanged, linear_layers

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["int8", "nf4"]

NF4_LEVELS = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)
"""Quantiles of a normal distribution scaled to [−1, 1], with an exact zero (QLoRA, appendix E)."""
NF4_BLOCK = 64
_INT8_TOP = 127


@contextmanager
def quantised(model: torch.nn.Module, kind: Kind) -> Iterator[None]:
    """Give every linear weight of the model its quantised value; afterwards its own again, bit for bit.

    A second pass over weights of the same kind changes nothing. Raises ValueError for an unknown kind, Fault for
    weights that are not finite, BadInput for a model whose layers are not linear layers.
    """
    _require_kind(kind)
    with exchanged(linear_layers(model), lambda layer: quantised_rows(layer.rows(), kind)):
        yield


def quantised_rows(rows: torch.Tensor, kind: Kind) -> torch.Tensor:
    """Return the weight (out, in) after quantising and dequantising, float32 of the same shape."""
    codes, scales = _encoded(rows, kind)
    if kind == "int8":
        # The code becomes a fraction first: the greatest weight then comes back exactly, so a second pass changes nothing.
        return codes / _INT8_TOP * scales
    levels = torch.tensor(NF4_LEVELS, device=rows.device)
    return (levels[codes.long()] * scales).flatten()[: rows.numel()].view(rows.shape)


def _require_kind(kind: str) -> None:
    if kind not in {"int8", "nf4"}:
        raise ValueError(f"no quantisation is called '{kind}'")


def _encoded(rows: torch.Tensor, kind: Kind) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (codes, scales): int8 (out, in) and (out, 1); nf4 (blocks, 64) and (blocks, 1), zeros behind the last weight.

    A row or block of zeros has the scale 0 and comes back as zeros.
    """
    if kind == "int8":
        scales = rows.abs().amax(dim=1, keepdim=True)
        return torch.round(_divided(rows, scales) * _INT8_TOP), scales
    # Blocks run over the weight row by row, across rows where their length is no multiple of 64, as bitsandbytes lays them.
    flat = torch.nn.functional.pad(rows.flatten(), (0, -rows.numel() % NF4_BLOCK)).view(-1, NF4_BLOCK)
    scales = flat.abs().amax(dim=1, keepdim=True)
    levels = torch.tensor(NF4_LEVELS, device=rows.device)
    between = (levels[1:] + levels[:-1]) / 2
    return torch.bucketize(_divided(flat, scales), between, out_int32=True), scales


def _divided(weights: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Return weights / scales in [−1, 1]; where the scale is 0, so is every weight under it, and 0 is returned."""
    return weights / torch.where(scales > 0, scales, torch.ones_like(scales))
