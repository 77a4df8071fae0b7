"""Transformers: what they are, where their weights come from, one forward pass, and a token of one on a chip.

A config.json is read into a `ModelSpec` (`config_json`, `spec`, `architectures`), which gives the programs of a pass by
shape (`stages`); `forward` runs them one after the other, on weights of a `TensorSource` (`tensors`), read as they run.
"""
