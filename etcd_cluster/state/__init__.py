"""Desired state as text: what each verb of the host program reads on stdin. Pure."""
