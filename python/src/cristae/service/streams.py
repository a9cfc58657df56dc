"""Taking what arrives while what came before is worked on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def arriving[T](items: AsyncIterator[T], most: int) -> AsyncIterator[AsyncIterator[list[T]]]:
    """Take items in the background, and give out those that have arrived by now, at least one.

    Parameters
    ----------
    items
        Where they come from.
    most
        At most so many wait at a time; the sender waits then.

    Examples
    --------
    >>> async def numbers():
    ...     for number in range(5):
    ...         yield number
    >>> async def collect():
    ...     async with arriving(numbers(), 2) as batches:
    ...         return [number async for batch in batches for number in batch]
    >>> asyncio.run(collect())
    [0, 1, 2, 3, 4]
    """
    waiting: asyncio.Queue[T | None] = asyncio.Queue(most)

    async def take() -> None:
        try:
            async for item in items:
                await waiting.put(item)
        except Exception:
            await waiting.put(None)
            raise
        await waiting.put(None)

    async def batches() -> AsyncIterator[list[T]]:
        while (item := await waiting.get()) is not None:
            batch = [item]
            while not waiting.empty() and (item := waiting.get_nowait()) is not None:
                batch.append(item)
            yield batch
            if item is None:
                return

    taking = asyncio.create_task(take())
    try:
        yield batches()
        await taking
    finally:
        taking.cancel()
