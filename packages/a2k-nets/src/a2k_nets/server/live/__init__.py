"""Live streams: the protocol of the WebSocket, and the scheduler that batches them."""
