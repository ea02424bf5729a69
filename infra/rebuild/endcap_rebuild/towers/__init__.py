"""The learned user encoder of `--budget full`: data, model, training, soft labels, export.

The way in is `encoder_job.train_user_encoder`; it, `model`, `training` and `judging` need torch, the rest does not.
"""
