"""`python -m backtest`, the same as the `backtest` command."""

from backtest.cli.main import main

if __name__ == "__main__":
    main()
