"""Backups in the lab's store: made, proved, kept, and what happens when something is in the way."""
