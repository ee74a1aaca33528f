"""The engine as a small HTTP service, and the page that it serves: rulesets checked, studies run, subjects explained.

Everything that reads a ruleset or data happens in worker processes that can be ended; this process only answers, keeps and deletes.
`create_app` needs the extra `service`.
"""

from __future__ import annotations

from rules_engine.service.app import create_app
from rules_engine.service.settings import ServiceSettings

__all__ = ["ServiceSettings", "create_app"]
