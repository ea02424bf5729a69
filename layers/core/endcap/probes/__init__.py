"""A candidate for promotion tried out: what `python -m endcap.probes` does, in a process of its own.

- `current`: the few files of the current snapshot that a candidate is compared with
- `consistency`: whether the parts of a snapshot say the same
- `requests`: some fifty requests, of every kind that lists come from
- `answers`: what becomes of them
- `hostile_texts`: texts that a tokenizer may never come to an end with
- `measure`: all of it, from folder to figures
- `__main__`: the process and its limits
"""
