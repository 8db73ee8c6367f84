"""How records get to a sink: in the caller's thread, or through a store and a worker that retries."""
