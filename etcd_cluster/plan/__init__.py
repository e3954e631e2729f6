"""From observation to plan: the probe reads the hosts, everything else here is pure."""
