"""What shoppers did together.

`lists`, `tfidf`, `imputation`, `sparse`, `popularity`, `repurchase`, `contexts`, `fit`.
"""
