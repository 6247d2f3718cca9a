"""Who stands against whom: trials by name, one module a protocol."""
