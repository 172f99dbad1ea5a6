"""NumPy functions for what ONNX cannot say, shared by both model formats."""
