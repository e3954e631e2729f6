"""Tests of the lab itself: hosts that lie would make every other test worthless."""
