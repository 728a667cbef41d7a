"""The one exception type of the library."""


class DosimetryError(ValueError):
    """Input that cannot be used, in one sentence for people.

    The text says what was expected, what came, and what to do about it. It stays on one line, so that the
    command line, the panel and a script can show it as it is.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))
