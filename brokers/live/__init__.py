"""Live venues through ccxt: what every venue shares, and one small file of quirks a venue."""
