"""Files that shops write: `files`, `delimited`, `documents`, `xml`, `names`, `values`; `rows` and `load` read them."""
