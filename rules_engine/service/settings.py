"""What a service may do: its studies, its limits, the names that it answers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rules_engine.registry import ALL_PLUGINS, PluginSelection

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class ServiceSettings:
    """`studies` are the folders that may be run on, by the name shown to users; `demo` adds a made-up one.

    `hosts` are the names under which the service may be asked (the `Host` header, without port). `plugins` are those that are loaded,
    and how long one call of them may take. Sizes are in bytes, times in seconds. `workers` runs go on at once, `queue`
    more wait; the `kept_runs` and `kept_studies` last ones are kept.
    """

    studies: Mapping[str, Path] = field(default_factory=dict)
    demo: bool = True
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    max_body: int = 64 * MEBIBYTE
    run_seconds: float = 600.0
    answer_seconds: float = 30.0
    workers: int = 2
    queue: int = 8
    max_memory: int = 4096 * MEBIBYTE
    plugins: PluginSelection = ALL_PLUGINS
    kept_runs: int = 20
    kept_studies: int = 10
