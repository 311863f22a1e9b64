"""Use cases that the command line and web pages share: each takes what it works on and returns a value."""
