"""Records that are on this machine's disk before anybody hears of them, and from there come into a stream."""
