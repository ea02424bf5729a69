"""What `endcap bench` measures on this machine: the project's own code, with AWS replaced by memory or by moto.

None of it says how long AWS takes. Comparisons are made within one run, on alternating calls.
"""
