"""The rule book of a leveraged perpetual position under isolated margin, compiled; numbers only."""
