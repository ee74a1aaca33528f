"""Columns that are written down once and added to many frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Columns:
    """What is added to a frame, layer after layer: a layer may read the columns of those before it.

    Made as they would be added to a frame, with `with_columns`.
    """

    layers: tuple[tuple[pl.Expr, ...], ...] = ()

    def with_columns(self, *columns: pl.Expr | Iterable[pl.Expr], **named: pl.Expr) -> Columns:
        """These columns and a further layer of them."""
        layer = [one for given in columns for one in ([given] if isinstance(given, pl.Expr) else given)]
        layer += [column.alias(name) for name, column in named.items()]
        return Columns((*self.layers, tuple(layer)))

    def added_to(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The frame with all layers."""
        for layer in self.layers:
            frame = frame.with_columns(layer)
        return frame
