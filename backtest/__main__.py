"""`python -m backtest`, the same as the `backtest` command."""

import sys
from pathlib import Path

from backtest.cli.main import main

if __name__ == "__main__":
    if not sys.flags.safe_path and Path.cwd() != Path(__file__).parent.parent:
        # the current folder comes last: a `strategies` or `data` in it is the user's own, not the installed one
        sys.path.append(sys.path.pop(0))
    main()
