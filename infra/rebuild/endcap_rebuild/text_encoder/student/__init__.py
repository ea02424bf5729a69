"""`--student`: a text encoder that has learned what this shop's customers put together.

A large encoder (the teacher) is tuned on pairs of items; its rankings are then distilled into the base encoder's own
compact architecture with a vocabulary cut to the catalogue. Whether the result is shipped is for the gate to say.
"""
