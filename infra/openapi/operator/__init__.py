"""What operators are answered and send: `operations` has the routes, the other modules models of the answers to them.

Each answer carries an example. For the schema only: no function imports them.
"""
