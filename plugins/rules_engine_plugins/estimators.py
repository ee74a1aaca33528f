"""Placeholder of the plugin estimators."""
