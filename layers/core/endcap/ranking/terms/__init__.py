"""The terms of the score, one file each kind; `registry` lists them."""
