"""Pulumi components: the only modules that import pulumi."""
