"""SourceError: what a person named gives no photos, in one sentence."""


class SourceError(ValueError):
    """Photos that cannot be had, or not as they were asked for; says what was found and what to do."""
