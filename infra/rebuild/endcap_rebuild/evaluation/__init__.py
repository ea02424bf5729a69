"""`endcap evaluate`: how well Endcap ranks on held-out choices, beside simpler models that get the same data."""
