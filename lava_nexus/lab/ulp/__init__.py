"""ULP of layers, operations and models beside published figures."""
