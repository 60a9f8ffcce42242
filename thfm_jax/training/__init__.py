"""Training on meshes: recipe, objective, optimiser, step, loop and checkpoints."""
