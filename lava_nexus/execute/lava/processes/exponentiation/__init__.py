"""Process `Exponentiation`: chords of exp."""
