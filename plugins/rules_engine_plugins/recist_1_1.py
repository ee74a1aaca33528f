"""Placeholder of the plugin recist_1_1."""
