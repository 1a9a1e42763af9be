"""The newest values, in Redis: pushed from the lake a view at a time, evaluated at the moment that they are asked for.

For every entity Redis holds its base: the rows that its features rest on, up to a watermark. A push writes the bases of
a view beside those that are being served and then switches over in one step, so a reader never sees half of one.
"""
