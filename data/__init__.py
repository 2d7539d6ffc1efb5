"""Loaders of market data: files, freqtrade's layout, a synthetic market. Each is a plugin of group `backtest.data`."""
