"""Endcap Studio: the pages from which a shop is looked at and steered; `static/` is all there is to them."""
