"""Deep-learning segmentation of electron microscopy."""
