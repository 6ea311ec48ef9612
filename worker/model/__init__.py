"""The E1 network: configuration, tokenizer, attention, the model itself and its checkpoints. Without Django."""
