"""Whitening of text vectors: centre, rotate to principal components, give each the same variance.

Raw encoder outputs crowd into a cone (any two texts look alike); after whitening, cosines between items carry
information. References: WhitenRec, arXiv 2402.10602; measured in the project's quality study.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from endcap.arrays import F32
from endcap.snapshot.whitening import whiten_with

# Added to every component's deviation: directions that hardly vary must not be blown up into noise.
_DEVIATION_FLOOR: Final = 1e-3


@dataclass(frozen=True)
class Whitening:
    """Mean float32 (d_text,) and projection float32 (d_text, d_item)."""

    mean: F32
    projection: F32

    def apply(self, text_vectors: F32) -> F32:
        """Unit item vectors float32 (n, d_item); rows that were zero stay zero."""
        return whiten_with(self.mean, self.projection, text_vectors)


def fit_whitening(text_vectors: F32, dim: int) -> Whitening:
    """Fit on a catalogue's text vectors, all-zero rows (items without text) left out.

    Parameters
    ----------
    text_vectors : float32 (n, d_text)
    dim : most components to keep; a small catalogue has fewer than it has rows, and one item still gets one
    """
    rows = text_vectors[np.any(text_vectors != 0, axis=1)].astype(np.float64)
    d_text = text_vectors.shape[1]
    if len(rows) < 2:
        # Nothing to learn from: keep the vectors as they are, so that a first item is still comparable to a query.
        return Whitening(np.zeros(d_text, dtype=np.float32), np.eye(d_text, min(dim, d_text), dtype=np.float32))
    mean = rows.mean(axis=0)
    covariance = np.cov(rows, rowvar=False, bias=True).reshape(d_text, d_text)
    variances, directions = np.linalg.eigh(covariance)  # ascending
    keep = min(dim, d_text, len(rows) - 1)
    variances, directions = variances[::-1][:keep], directions[:, ::-1][:, :keep]
    # An eigenvector's sign is arbitrary; fixing it keeps the result the same across linear algebra builds.
    directions = directions * np.where(directions[np.abs(directions).argmax(axis=0), np.arange(keep)] < 0, -1.0, 1.0)
    projection = directions / (np.sqrt(np.maximum(variances, 0.0)) + _DEVIATION_FLOOR)
    return Whitening(mean.astype(np.float32), projection.astype(np.float32))
