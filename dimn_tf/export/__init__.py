"""The way out: SavedModel, ONNX and LiteRT, with their card."""
