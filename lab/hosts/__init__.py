"""The hosts: one nspawn container each, its disk, power, network and keys."""
