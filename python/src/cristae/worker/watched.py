"""Images that tell how much of them was read, and that end the work when the job is to end."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from cristae.errors import Cancelled
from cristae.geometry import Box
from cristae.volumes import Image


class Watched:
    """An image of a job: reading it ends with the job.

    Parameters
    ----------
    image
        The image.
    should_stop
        Asked before each box.
    on_read
        Gets how many voxels were read, of one channel.
    """

    def __init__(
        self,
        image: Image,
        should_stop: Callable[[], bool],
        on_read: Callable[[int], object] = lambda voxels: None,
    ) -> None:
        self._image, self._should_stop, self._on_read = image, should_stop, on_read
        self.shape_czyx, self.dtype = image.shape_czyx, image.dtype
        self.voxel_size, self.name, self.notes = image.voxel_size, image.name, image.notes

    def read(self, box_zyx: Box) -> NDArray[Any]:
        """Return the voxels (c, z, y, x) of a box, a fresh array.

        Raises
        ------
        Cancelled
            The job is to end.
        """
        if self._should_stop():
            raise Cancelled("The job was stopped.")
        voxels = self._image.read(box_zyx)
        self._on_read(box_zyx.size)
        return voxels
