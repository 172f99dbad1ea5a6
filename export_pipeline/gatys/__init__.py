"""Stylization by optimization."""
