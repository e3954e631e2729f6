"""Every test of the project."""

import pytest

# A failure in here says what it found, as one in a test does.
pytest.register_assert_rewrite("tests.support")
