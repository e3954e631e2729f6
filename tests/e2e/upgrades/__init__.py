"""Clusters that are taken from version to version."""
