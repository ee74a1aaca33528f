"""Placeholder of the plugin ctcae."""
