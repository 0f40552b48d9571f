"""The server of `a2k serve`: many live streams over WebSockets in one process, and files over HTTP."""
