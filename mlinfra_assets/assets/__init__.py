"""One module a zone: each makes assets out of what is declared. Thin: read, call, return."""
