"""The E1 network: configuration, tokenizer, attention, the model itself, its checkpoints. No Django."""
