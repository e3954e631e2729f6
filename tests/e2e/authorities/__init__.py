"""Authorities: a new CA takes over."""
