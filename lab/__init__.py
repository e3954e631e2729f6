"""Throw-away hosts, and an engine where Pulumi's downloads are out of reach; no product."""
