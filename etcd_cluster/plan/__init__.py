"""From observations to a plan: the probe reads the hosts, the other modules are pure."""
