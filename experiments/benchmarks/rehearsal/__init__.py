"""The paper's main job at its full size, on archives that are made up by code."""
