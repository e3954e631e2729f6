"""Clusters that a stack did not make, and takes over."""
