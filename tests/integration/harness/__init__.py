"""What the integration tests stand on: real servers, a worker process, a few look-ups. No line of Foldline's own code."""
