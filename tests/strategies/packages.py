"""Packages of third parties, as if they were installed: a folder to put on the path of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

VERSION = "2.1"


def put_package(site: Path, plugin: str, code: str) -> None:
    """The distribution `<plugin>-rules` with one plugin, whose module `<plugin>_module` is this code."""
    info = site / f"{plugin}_rules-{VERSION}.dist-info"
    info.mkdir(parents=True)
    (site / f"{plugin}_module.py").write_text(code, encoding="utf-8")
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {plugin}-rules\nVersion: {VERSION}\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(f"[rules_engine]\n{plugin} = {plugin}_module\n", encoding="utf-8")


def command(site: Path, *words: str) -> tuple[int, str]:
    """What `rules-engine` says, and its exit code, where the packages of `site` are installed beside it."""
    done = subprocess.run(
        [sys.executable, "-m", "rules_engine", *words], capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr
