"""One step of the Gaussian mechanism over subjects: mean gradient of each, one clip each, noise, the EXPECTED count as divisor.

A subject's gradient is computed alone, without dropout, and in one piece of its own: it depends on its own records and the weights only.
Noise comes from ChaCha20 keyed by a secret and the step, through the normal quantile function in float64. torch's own CPU
generator keeps 32 bits of its seed, so whoever has the weights could try all its noises. What remains: numbers have finitely
many digits, so sums in float64 are no real Gaussian mechanism (Mironov 2012); the last digits are the price, and are not accounted.
Source: methods/dp-sgd-practice.md, algorithm ULS; McMahan et al. 2018.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from scipy import special

from rtbf.lm.answers import answer_logits, nll_sums

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rtbf.lm.encoding import Item

ITEMS_AT_ONCE = 8
_JUST_BELOW = 1 - 1e-12
"""A clipped vector's norm, computed again, may come out a rounding error above C; it must not."""

_MANTISSA_BITS = 53


@dataclass(frozen=True, kw_only=True, slots=True)
class Mechanism:
    """What is done with the subjects of a step.

    clip        largest norm of what one subject contributes, over all trained numbers together; infinity clips nothing
    noise       standard deviation of the noise on each number of the sum: σ·C
    expected    q·N, by which the noised sum is divided, whoever was drawn
    """

    rate: float
    clip: float
    noise: float
    expected: float


def subject_gradient(
    model: torch.nn.Module, parameters: Sequence[torch.nn.Parameter], records: Sequence[Sequence[Item]], items_at_once: int = ITEMS_AT_ONCE
) -> torch.Tensor:
    """Return the gradient of one subject's loss as one vector (d,), float64: the mean over its records of NLL per token.

    records   the items of each of the subject's records; at least one
    A gradient that is not finite counts as none: stopping there would tell of the subject, and the vector must stay below the clip.
    """
    device = parameters[0].device
    total = torch.zeros(sum(parameter.numel() for parameter in parameters), dtype=torch.float64, device=device)
    weighed = [(item, 1 / (len(records) * sum(len(part.answer_ids) for part in items))) for items in records for item in items]
    for start in range(0, len(weighed), items_at_once):
        part = weighed[start : start + items_at_once]
        sums, _ = nll_sums(answer_logits(model, [item for item, _ in part]))
        loss = (sums * torch.tensor([weight for _, weight in part], dtype=sums.dtype, device=sums.device)).sum()
        gradients = torch.autograd.grad(loss, list(parameters))
        total += torch.cat([gradient.flatten() for gradient in gradients]).double()
    return total if bool(torch.isfinite(total).all()) else torch.zeros_like(total)


def clipped(gradient: torch.Tensor, clip: float) -> torch.Tensor:
    """Return the vector, shortened to norm `clip` where it is longer; its norm in float64 is never above `clip`."""
    norm = float(torch.linalg.vector_norm(gradient))
    return gradient if norm <= clip else gradient * (clip / norm * _JUST_BELOW)


def noised_mean(contributions: Iterable[torch.Tensor], mechanism: Mechanism, zero: torch.Tensor, key: bytes) -> torch.Tensor:
    """Return (Σ clipped contributions + noise) / (q·N), (d,) float64. No contribution: the noise alone.

    zero   a vector of zeros (d,), float64, on the device
    key    32 bytes for this step alone; the same key gives the same noise
    """
    total = zero.clone()
    for contribution in contributions:
        total += clipped(contribution, mechanism.clip)
    if mechanism.noise > 0:
        total += gaussians(key, total.numel()).to(total.device) * mechanism.noise
    return total / mechanism.expected


def gaussians(key: bytes, count: int) -> torch.Tensor:
    """Return `count` standard normal numbers, float64 on the CPU, from a 32-byte key: 53 random bits each, none beyond ± 8.3."""
    stream = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(8 * count))
    bits = np.frombuffer(stream, dtype="<u8") >> np.uint64(64 - _MANTISSA_BITS)
    # The middle of each of 2⁵³ cells; rounding may reach 1 at the last, which has no quantile: mirror the upper half instead.
    half = np.uint64(1 << (_MANTISSA_BITS - 1))
    is_upper = bits >= half
    cells = np.where(is_upper, np.uint64(2 * int(half) - 1) - bits, bits).astype(np.float64)
    lower = special.ndtri((cells + 0.5) / float(1 << _MANTISSA_BITS))
    return torch.from_numpy(np.where(is_upper, -lower, lower))


def lay_down(parameters: Sequence[torch.nn.Parameter], vector: torch.Tensor) -> float:
    """Put the parts of a vector (d,) into the parameters' gradients; return its norm, or NaN where a part is not finite."""
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.grad = vector[start:end].reshape(parameter.shape).to(parameter.dtype)
        start = end
    norm = float(torch.linalg.vector_norm(vector))
    return norm if math.isfinite(norm) else math.nan
