"""The configuration: sections, value types, messages, and the files that it refers to."""
