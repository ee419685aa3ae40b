"""Training: labelled recordings in, a checkpoint out.

data set ─ datasets.py ─→ items ─ cache.py, activity.py ─→ decoded recordings
         ─ crops.py (signals.py, sounds/, effects.py) ─→ crops
         ─ batches.py (teachers.py) ─→ batches ─ loop.py (validation.py) ─→ weights
         ─ run.py (recipe.py, provenance.py) ─→ checkpoint
"""
