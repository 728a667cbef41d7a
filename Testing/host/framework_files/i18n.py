"""Translation without a translator: texts come back as they are, misuse of placeholders is refused."""

import string


def translate(context: str, text: str) -> str:
    """The text in the language of the application: the host speaks the language of the source."""
    from slicer import app

    return app.translate(context, text)


def tr(text: str) -> str:
    """Translate a text of the calling file; braces in it must be a valid ``str.format`` pattern."""
    if not isinstance(text, str):
        raise TypeError(f"Expected a literal text to translate, received {type(text).__name__}.")
    list(string.Formatter().parse(text))
    return translate("", text)
