"""An account whose contracts are settled in several currencies: a wallet for each, told in one."""
