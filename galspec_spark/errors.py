"""Errors that are a message to the user: one line that says what, where and what to do."""


class UserError(Exception):
    """A job cannot go on (exit code 1)."""


class ConfigError(UserError):
    """The options or the configuration are wrong (exit code 2)."""
