"""Placeholder of the plugin mrecist."""
