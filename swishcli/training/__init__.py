"""Training: labelled recordings in, a checkpoint out (data → augmentation → mixing → loop)."""
