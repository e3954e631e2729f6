"""What only hosts with a kernel of their own can show: `make test-machines`."""
