"""Recipe × trainer -> Checkpoint: trainer folders, recipe presets, launching, registering."""
