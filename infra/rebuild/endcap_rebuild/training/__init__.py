"""What every training with torch needs, whatever it trains: `device`, `checkpoint`. All of it needs torch."""
