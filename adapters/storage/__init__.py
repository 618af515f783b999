"""Where journals are kept. Each module implements ``engine.ports.Store`` and knows none of the others."""
