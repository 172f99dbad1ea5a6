"""Distillation of the loss network."""
