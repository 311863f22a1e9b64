"""The road of an event: accepted into the journal, then interpreted and delivered. Knows only interfaces."""
