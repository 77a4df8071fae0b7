"""The transformer that classifies handwritten digits: data, specification, weights, training and outside witness."""
