"""The lab's images."""
