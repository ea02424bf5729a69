"""Tables about all that say next to nothing of any one: `contributions`, `noise`, `release`, `ledger`, `job`."""
