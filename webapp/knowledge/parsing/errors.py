"""Why a file cannot be read, and what its owner can do about it. Shown as it stands."""

from enum import StrEnum


class Reason(StrEnum):
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    WRONG_NAME = "wrong_name"
    UNSUPPORTED = "unsupported"
    PASSWORD = "password"  # noqa: S105 - a reason, not a secret
    NO_TEXT = "no_text"
    DAMAGED = "damaged"
    EXPANDS = "expands"
    TOO_SLOW = "too_slow"
    TOO_MUCH_MEMORY = "too_much_memory"
    TOO_MUCH_TEXT = "too_much_text"


MESSAGES = {
    Reason.EMPTY: "The file is empty. Check that you chose the right one and upload it again.",
    Reason.TOO_LARGE: "The file is {size_mib} MiB; the limit is {limit_mib} MiB. Split it into smaller files, "
    "or ask your administrator to raise ingestion.max_upload_mib.",
    Reason.WRONG_NAME: "The name says this is {claimed}, but the content is {actual}. Give the file its true ending, "
    "or save it again from the program that made it.",
    Reason.UNSUPPORTED: "This is {actual}, which cannot be read here. Upload it as PDF, Word (.docx), Markdown, HTML "
    "or plain text.",
    Reason.PASSWORD: "The file is protected with a password. Remove the password in the program that made it and "
    "upload it again.",
    Reason.NO_TEXT: "There is no text in this file: it may be a scan or hold pictures only. Run text recognition (OCR) "
    "on it and upload the result.",
    Reason.DAMAGED: "The file is damaged or incomplete. Open it in the program that made it, save it again and upload "
    "the new copy.",
    Reason.EXPANDS: "The file unpacks to far more than its own size, so it was not opened. Save it again without "
    "embedded files, or as PDF.",
    Reason.TOO_SLOW: "Reading this file took too long and was stopped. Split it into smaller files, or save it in a "
    "simpler format.",
    Reason.TOO_MUCH_MEMORY: "Reading this file needs more memory than is allowed. Split it into smaller files, or save "
    "it in a simpler format.",
    Reason.TOO_MUCH_TEXT: "The file holds more text, or more separate paragraphs, than can be indexed as one document. "
    "Split it into smaller files.",
}


class UnreadableDocument(Exception):
    """The file cannot become a document; ``str()`` says why and what to do, ``reason`` is for programs."""

    def __init__(self, reason: Reason, **values: object) -> None:
        super().__init__(MESSAGES[reason].format(**values))
        self.reason = reason


class RestoredRefusal(UnreadableDocument):
    """A refusal that another process formulated."""

    def __init__(self, reason: Reason, message: str) -> None:
        Exception.__init__(self, message)
        self.reason = reason
