"""What a host's disk is made of."""
