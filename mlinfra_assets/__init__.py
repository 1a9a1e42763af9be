"""The mlinfra code location: what a team declares, and the machinery that turns it into assets."""
