"""Tables, figures and files of a run."""
