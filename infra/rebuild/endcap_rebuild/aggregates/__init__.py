"""Tables about all shoppers that say next to nothing about any one: `contributions`, `noise`, `release`, `ledger`, `job`."""
