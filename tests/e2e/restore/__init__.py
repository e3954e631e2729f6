"""A cluster starts anew, from a snapshot or from what one member holds."""
