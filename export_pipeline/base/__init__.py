"""What all of the package uses, and what uses nothing of it but the errors."""
