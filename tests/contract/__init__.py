"""What a command plugin must do, whichever one is installed."""
