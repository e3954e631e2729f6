"""The lab's object store."""
