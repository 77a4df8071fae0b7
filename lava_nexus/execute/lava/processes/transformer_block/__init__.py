"""Process `TransformerBlock`: operators in a block."""
