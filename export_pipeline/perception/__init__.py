"""What the losses and the judge see with."""
