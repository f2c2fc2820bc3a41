"""ConceptIndexError: what a person can mend about an index, in one sentence."""


class ConceptIndexError(ValueError):
    """An index, or something given to it, that cannot be used; says what was found and what to do."""
