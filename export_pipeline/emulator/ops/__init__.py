"""One small function per ML-program operation, by family."""
