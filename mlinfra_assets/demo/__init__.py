"""The demo: a shop's year of order lines, real or simulated, played through the whole platform."""
