"""Throw-away hosts, and the engine where Pulumi's downloads are out of reach. Not part of the product."""
