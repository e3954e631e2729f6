"""Wrapper modules, one for each program that is built from Go modules, and what builds them.

A wrapper's go.mod and go.sum pin every module with a checksum; lab/builds.py is the table of them.
"""
