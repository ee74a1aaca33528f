"""Placeholder of the plugin endpoints."""
