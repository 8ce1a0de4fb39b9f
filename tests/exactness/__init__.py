"""The same bits, whatever happens: numerics, interruptions, faults, damage, proofs."""
