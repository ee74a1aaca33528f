"""The report: one self-contained HTML page of a run."""

from __future__ import annotations

from rules_engine.report.html import render_report
from rules_engine.report.view import ReportView

__all__ = ["ReportView", "render_report"]
