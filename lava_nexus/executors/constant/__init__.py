"""Circuits specialised to constant weights, each evaluated neuron by neuron."""
