"""How good segments are: metrics (numbers alone) and scoring (pairs of reference and hypothesis)."""
