"""Placeholder of the plugin readers."""
