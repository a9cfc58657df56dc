"""Boxes, grids and tiles: where voxels are, never what they hold."""

from cristae.geometry.box import Box, Triple, grid
from cristae.geometry.tiling import Tile, Tiles, tiles

__all__ = ["Box", "Tile", "Tiles", "Triple", "grid", "tiles"]
