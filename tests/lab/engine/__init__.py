"""The lab's engine."""
