"""Pages: what a browser is shown, and the server that shows it."""
