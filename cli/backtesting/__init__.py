"""`augentis backtest`: what an assumption would have said (docs/backtest.md)."""
