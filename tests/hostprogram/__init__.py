"""The host program's functions, run by bash on this machine; nothing here changes a host."""
