"""What all services share: store, library, jobs, and threads for work that would hold up others."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from cristae.errors import Busy
from cristae.jobs.journal import Journal
from cristae.jobs.previewer import Previewer
from cristae.jobs.specs import Spec
from cristae.jobs.supervisor import Supervisor
from cristae.models import ModelLibrary, ModelPackage
from cristae.models.layers import Layer
from cristae.service.devices import Devices
from cristae.service.extensions import Extensions
from cristae.service.layers import Layers
from cristae.service.offers import Offers
from cristae.settings import Home, Limits
from cristae.volumes import VolumeStore
from cristae.volumes.data_root import DataRoot
from cristae.volumes.found import JobVolumes


class House:
    """The rooms of one server.

    Attributes
    ----------
    changing
        Held while something is deleted, and while a job that needs it is queued: neither may fall between the
        other's check and deed.
    offers
        What lies under the data root; None if there is none.
    extensions
        What the owner of the home added; a job that may name such a thing waits until they are looked at.
    """

    def __init__(
        self,
        home: Home,
        limits: Limits,
        store: VolumeStore,
        library: ModelLibrary,
        journal: Journal,
        supervisor: Supervisor,
        devices: Devices,
        previewer: Previewer,
        data_root: DataRoot | None = None,
    ) -> None:
        self.home, self.limits = home, limits
        self.store, self.library = store, library
        self.journal, self.supervisor, self.devices = journal, supervisor, devices
        self.previewer = previewer
        self.changing = asyncio.Lock()
        self.extensions = Extensions(home)
        self._data_root = data_root
        self.offers = None if data_root is None else Offers(data_root)
        self._layers = Layers(home)
        self._quick = ThreadPoolExecutor(4, "quick")
        self._blocks = ThreadPoolExecutor(8, "blocks")
        self._long = ThreadPoolExecutor(2, "long")
        self._looking = ThreadPoolExecutor(1, "looking")
        self._joined: dict[str, asyncio.Future[Any]] = {}

    async def quick[**P, T](self, work: Callable[P, T], *args: P.args, **names: P.kwargs) -> T:
        """Do something that reads or writes a little."""
        return await asyncio.get_running_loop().run_in_executor(self._quick, partial(work, *args, **names))

    async def block[**P, T](self, work: Callable[P, T], *args: P.args, **names: P.kwargs) -> T:
        """Read or write one block."""
        return await asyncio.get_running_loop().run_in_executor(self._blocks, partial(work, *args, **names))

    async def long[**P, T](self, work: Callable[P, T], *args: P.args, **names: P.kwargs) -> T:
        """Do something that looks at a whole volume."""
        return await asyncio.get_running_loop().run_in_executor(self._long, partial(work, *args, **names))

    async def glance[**P, T](self, spec: Spec, work: Callable[P, T], *args: P.args, **names: P.kwargs) -> T:
        """Read a little of a job's volumes; under the data root a process does, and it takes long."""
        return await (self.long if spec.found else self.quick)(work, *args, **names)

    async def look[**P, T](self, work: Callable[P, T], *args: P.args, **names: P.kwargs) -> T:
        """Look for something under the data root; one look waits for the other."""
        return await asyncio.get_running_loop().run_in_executor(self._looking, partial(work, *args, **names))

    async def with_found(self, spec: Spec) -> Spec:
        """Return a spec with what its job needs from the data root, as that is now."""
        missing = [one for one in spec.needs_volumes() if not await self.quick(self.store.exists, one)]
        if self.offers is None or not missing:
            return spec
        found = [await self.look(self.offers.find, one) for one in dict.fromkeys(missing)]
        return replace(spec, found=tuple(found))

    def volumes_of(self, spec: Spec) -> JobVolumes:
        """Return the volumes that a job needs; what of it is read under the data root, a child reads."""
        return JobVolumes(self.store, self._data_root if spec.found else None, spec.found)

    @asynccontextmanager
    async def open_volumes(self, spec: Spec) -> AsyncIterator[JobVolumes]:
        """Give the same to a block of the event loop; the child is ended in a thread."""
        volumes = self.volumes_of(spec)
        try:
            yield volumes
        finally:
            if spec.found:
                await self.long(volumes.close)

    async def joined[T](self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do something long once, however often it is asked for meanwhile.

        A client that gives up after its deadline and asks again joins the work that goes on.
        """
        task: asyncio.Future[T] | None = self._joined.get(key)
        if task is None:
            task = asyncio.ensure_future(work())
            self._joined[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(task)

    def _forget(self, key: str, task: asyncio.Future[Any]) -> None:
        self._joined.pop(key, None)
        if not task.cancelled():
            task.exception()  # everyone who asked may have gone; then nobody else looks at it

    async def look_at_extensions(self) -> None:
        """Know what the owner of the home added as it is now; it takes a moment only if that changed."""
        await self.joined("extensions", self.extensions.look)

    async def layers_of(self, model: ModelPackage) -> tuple[Layer, ...]:
        """Return the layers of a model whose maps can be shown, or raise what it is that forbids that."""
        return await self.joined(f"layers {model.digest}", lambda: self.long(self._layers.of, model))

    async def refuse_if_needed(self, *, volume: str = "", model: str = "") -> None:
        """Raise Busy if a job that waits or runs needs this volume or model."""
        for job in await self.quick(self.journal.open_jobs):
            if (volume and volume in job.spec.needs_volumes()) or (
                model and model in job.spec.needs_models()
            ):
                what = "image" if volume else f"model '{model}'"
                raise Busy(
                    f"The job '{job.title}' still needs this {what}. Wait until it has ended, or cancel it."
                )

    def close(self) -> None:
        """End the threads, after what they do now; what a file under the data root holds up is broken off."""
        if self.offers is not None:
            self.offers.abort()
        for pool in (self._quick, self._blocks, self._long, self._looking):
            pool.shutdown(cancel_futures=True)
