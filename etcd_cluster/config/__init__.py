"""The configuration: sections and values, messages, and the files that it names."""
