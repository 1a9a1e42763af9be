"""Live features: the streams' events past each view's base, through contract and staging SQL, into Redis's tails."""
