"""Language models on local text and multiple-choice tasks, by any executor, in the layouts of both papers' tables."""
