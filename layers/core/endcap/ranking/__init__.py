"""The order: `features`, `terms`, `score`, `candidates`, `rerank`, `calibration`, `slots`."""
