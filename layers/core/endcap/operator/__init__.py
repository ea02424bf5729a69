"""What operators look at and steer: the pure part of the routes under `/admin/`, and of what a preview may say."""
