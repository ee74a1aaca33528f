"""The report: one self-contained HTML page of a run; its figures and tables also as files of their own."""

from __future__ import annotations

from rules_engine.report.html import figures_of, render_report, tables_of
from rules_engine.report.standalone import figure_file
from rules_engine.report.summary import counts_of_endpoints, summary_text
from rules_engine.report.table_files import table_file
from rules_engine.report.view import ReportView

__all__ = [
    "ReportView",
    "counts_of_endpoints",
    "figure_file",
    "figures_of",
    "render_report",
    "summary_text",
    "table_file",
    "tables_of",
]
