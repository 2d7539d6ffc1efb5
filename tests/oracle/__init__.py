"""A slow, exact second opinion on the broker.

It was written from `docs/order-of-events.md` alone, in decimals of fifty digits, bar by bar, with nothing skipped
and nothing compiled. The properties hold the broker kernel against it on random histories. Numbers in brackets,
such as [4.4], name the sentence of that page which the line follows.
"""
