"""The lab's hosts."""
