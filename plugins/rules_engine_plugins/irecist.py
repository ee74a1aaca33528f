"""Placeholder of the plugin irecist."""
