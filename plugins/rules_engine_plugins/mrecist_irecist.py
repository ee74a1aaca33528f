"""Placeholder of the plugin mrecist_irecist."""
