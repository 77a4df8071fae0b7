"""Golden functions of circuits: what neurons must answer, computed without any."""
