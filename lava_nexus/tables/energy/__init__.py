"""Energy of operators, layers and a block, counted in runs, beside what is published."""
