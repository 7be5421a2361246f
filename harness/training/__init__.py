"""Recipe × trainer -> Checkpoint: trainer folders, recipe presets, launching, registering.

trainers, recipes    what there is: folders with a trainer.toml, presets of hyper-parameters
bases, rows          what is trained: a model's folder, a mix's rows
plan                 all of it together, decided before anything costs
estimate             what it will cost
launch, follow       the trainer's process, and its progress
complaint            why a trainer failed, in one line
verify               whether what it delivered is a model, and still the base's kind
register             checkpoints/<name>/: one writer, resumed, closed by checkpoint.json
"""
