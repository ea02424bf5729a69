"""The learned user encoder of `--budget full`: data, model, training, soft labels, export.

The way in is `job.train_user_encoder`; it, `model`, `loss`, `training` and `validation` need torch, the rest does not.
"""
