"""Pure functions: no Pulumi, no host."""
