"""The storefront kit: its sources, and how the files that shops take are made of them (`__main__`)."""
