"""User stories that each begin on hosts of their own."""
