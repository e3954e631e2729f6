"""User stories: the real program, the real engine, real hosts."""
