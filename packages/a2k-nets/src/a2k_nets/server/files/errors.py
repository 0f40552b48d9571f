"""What is wrong with a request for files."""


class RequestError(Exception):
    """An error that the client is told.

    Attributes:
        status: The HTTP status.
        code: A word for programs.
        message: A sentence for people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
