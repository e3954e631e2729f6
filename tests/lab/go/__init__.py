"""The lab's builds."""
