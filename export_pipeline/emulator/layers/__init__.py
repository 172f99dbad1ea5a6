"""One small function per layer of the older neural-network format, by family."""
