"""Process `Softmax`: softmax."""
