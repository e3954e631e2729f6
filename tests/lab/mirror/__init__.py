"""The lab's mirror."""
