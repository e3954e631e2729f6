"""One cluster, in use, and what goes wrong around it: refused before anything changes, or done."""
