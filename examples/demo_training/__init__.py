"""Training of the demonstration checkpoint `e1-demo`: data, batches, training, evaluation, card."""
