"""Faults in the middle of changes, as many at a time as a quorum can bear. `make test-long`."""
