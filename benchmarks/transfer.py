"""How fast a volume goes to the server and comes back, against a bare gRPC stream of the same bytes.

Both ways are measured in one run, by turns, over loopback, with the server in a process of its own. The
machine's speed varies from minute to minute, so each round gives a ratio of its own, of two streams that ran
right after each other, and the median of the ratios counts. The bare stream is what gRPC itself can do: the
same client, the same messages with the same bytes, received, parsed and thrown away, or made beforehand and
sent from memory. The server does the same and checks, stores and reads every byte besides.

    python benchmarks/transfer.py [--mebibytes 512] [--rounds 31]
"""

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import google_crc32c
import grpc
import numpy as np
import psutil

from cristae.service.client import Address, block_bytes
from cristae.service.messages import spec_message
from cristae.settings import MIB, Home
from cristae.v1 import volumes_pb2, volumes_pb2_grpc
from cristae.volumes import ArrayImage, VolumeSpec, block_digest, volume_digest

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "transfer.md"
GOAL = 0.8
OPTIONS = [("grpc.max_receive_message_length", 4 * MIB), ("grpc.max_send_message_length", 4 * MIB)]


class BareStream(volumes_pb2_grpc.VolumesServicer):
    """The same calls with nothing behind them; the blocks to send lie in memory."""

    def __init__(self, mebibytes: int) -> None:
        self.blocks = [
            volumes_pb2.Block(index=index, offset=offset, crc32c=crc32c, voxels=voxels)
            for index, offset, crc32c, voxels in blocks_of(image_of(mebibytes))
        ]

    async def WriteBlocks(self, requests, context):  # type: ignore[no-untyped-def]  # noqa: D102, N802
        async for _ in requests:
            pass
        yield volumes_pb2.UploadStatus()

    async def ReadBlocks(self, request, context):  # type: ignore[no-untyped-def]  # noqa: D102, N802
        for block in self.blocks:
            yield block


def image_of(mebibytes: int) -> ArrayImage:
    """Return an image of so many sections of 1 MiB."""
    return ArrayImage(np.random.default_rng(0).integers(0, 255, (mebibytes, 1024, 1024), np.uint8))


def blocks_of(image: ArrayImage) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield number, offset, checksum and voxels of every block."""
    spec = VolumeSpec(image.shape_czyx, image.dtype.name)
    for index in range(spec.blocks.count):
        voxels = block_bytes(image, spec, index)
        yield index, spec.blocks.offset(index), google_crc32c.value(voxels), voxels


async def serve_bare(mebibytes: int) -> None:
    """Serve the bare stream and print its port."""
    server = grpc.aio.server(options=OPTIONS)
    volumes_pb2_grpc.add_VolumesServicer_to_server(BareStream(mebibytes), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()


class Cost(NamedTuple):
    """Seconds that passed, and seconds of processors in client and server together."""

    wall_s: float
    processor_s: float


def cost(work: Callable[[], object], server: int) -> Cost:
    """Return what something took; `server` is the process that does the other half."""
    halves = (psutil.Process(), psutil.Process(server))

    def processor_s() -> float:
        return sum(sum(half.cpu_times()[:2]) for half in halves)

    began, before = time.perf_counter(), processor_s()
    work()
    return Cost(time.perf_counter() - began, processor_s() - before)


class Transfer:
    """One volume, its messages made beforehand, and the two servers."""

    def __init__(self, ours: Address, bare_port: int, mebibytes: int) -> None:
        image = image_of(mebibytes)
        self.spec = VolumeSpec(image.shape_czyx, image.dtype.name)
        self.blocks = list(blocks_of(image))
        print(f"{mebibytes} MiB in {len(self.blocks)} blocks", flush=True)
        self.metadata = [("authorization", f"Bearer {ours.token}")]
        self.ours = volumes_pb2_grpc.VolumesStub(grpc.insecure_channel(ours.target, OPTIONS))
        self.bare = volumes_pb2_grpc.VolumesStub(grpc.insecure_channel(f"127.0.0.1:{bare_port}", OPTIONS))
        self.digest = volume_digest(self.spec, (block_digest(body) for *_, body in self.blocks))

    def requests(self, upload_id: str) -> Iterator[volumes_pb2.WriteBlocksRequest]:
        """Yield the messages of an upload."""
        for index, offset, crc32c, body in self.blocks:
            block = volumes_pb2.Block(index=index, offset=offset, crc32c=crc32c, voxels=body)
            yield volumes_pb2.WriteBlocksRequest(upload_id=upload_id, block=block)

    def upload_bare(self) -> None:
        """Send every block to nobody."""
        for _ in self.bare.WriteBlocks(self.requests("0" * 32)):
            pass

    def download_bare(self) -> None:
        """Receive as many blocks of nothing."""
        for _ in self.bare.ReadBlocks(volumes_pb2.ReadBlocksRequest()):
            pass

    def open(self) -> str:
        """Delete the volume of the round before and open an upload."""
        delete = volumes_pb2.DeleteVolumeRequest(volume_id=self.digest)
        self.ours.DeleteVolume(delete, metadata=self.metadata)
        request = volumes_pb2.OpenUploadRequest(spec=spec_message(self.spec), digest=self.digest)
        return str(self.ours.OpenUpload(request, metadata=self.metadata).upload_id)

    def upload(self, upload_id: str) -> None:
        """Send every block to the server, which stores it."""
        for _ in self.ours.WriteBlocks(self.requests(upload_id), metadata=self.metadata):
            pass

    def seal(self, upload_id: str) -> None:
        """Verify every byte and make the volume safe against power loss."""
        self.ours.SealUpload(volumes_pb2.SealUploadRequest(upload_id=upload_id), metadata=self.metadata)

    def download(self) -> None:
        """Receive every block from the server, which reads and checks it."""
        request = volumes_pb2.ReadBlocksRequest(volume_id=self.digest)
        for _ in self.ours.ReadBlocks(request, metadata=self.metadata):
            pass


def measure(mebibytes: int, rounds: int) -> list[dict[str, Cost]]:
    """Return what each way took, round by round."""
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        program = "import sys; from pathlib import Path; from cristae.service import serve; "
        program += "from cristae.settings import Home; serve(Home(Path(sys.argv[1])))"
        ours = subprocess.Popen([sys.executable, "-c", program, str(home.root)])
        bare = subprocess.Popen(
            [sys.executable, __file__, "--bare", "--mebibytes", str(mebibytes)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert bare.stdout is not None  # noqa: S101
            port = int(bare.stdout.readline())
            while not home.server_file.exists():
                time.sleep(0.05)
            transfer = Transfer(Address.of_home(home), port, mebibytes)
            for number in range(rounds):
                upload_id = transfer.open()
                ways: dict[str, Callable[[], object]] = {
                    "bare upload": transfer.upload_bare,
                    "upload": partial(transfer.upload, upload_id),
                    "seal": partial(transfer.seal, upload_id),
                    "bare download": transfer.download_bare,
                    "download": transfer.download,
                }
                took = {
                    way: cost(work, (bare if way.startswith("bare") else ours).pid)
                    for way, work in ways.items()
                }
                print(number + 1, {way: round(value.wall_s, 2) for way, value in took.items()}, flush=True)
                measured.append(took)
        finally:
            ours.terminate()
            bare.terminate()
            ours.wait()
            bare.wait()
    return measured


def quartiles(measured: list[dict[str, Cost]], way: str) -> list[float]:
    """Return the speed of a way as a share of the bare stream's: the quartiles of the rounds."""
    return quantiles(took[f"bare {way}"].wall_s / took[way].wall_s for took in measured)


def report(measured: list[dict[str, Cost]], mebibytes: int) -> str:
    """Return what was measured as a page."""
    rounds = len(measured)
    wall_s = {way: median(took[way].wall_s for took in measured) for way in measured[0]}
    busy_s = {way: median(took[way].processor_s for took in measured) for way in measured[0]}
    lines = [
        "# Transfer of a volume, against a bare gRPC stream",
        "",
        f"Written by `benchmarks/transfer.py --mebibytes {mebibytes} --rounds {rounds}`: "
        f"{mebibytes} MiB over loopback, medians of {rounds} rounds;",
        "the ratio is that of the two streams of a round, which ran right after each other (its quartiles).",
        f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}, "
        f"grpcio {grpc.__version__}.",
        "",
        "| way | Cristae | bare stream | ratio | goal | processors, Cristae | processors, bare |",
        "|---|---|---|---|---|---|---|",
    ]
    for way in ("upload", "download"):
        low, half, high = quartiles(measured, way)
        ours, bare = mebibytes / wall_s[way], mebibytes / wall_s[f"bare {way}"]
        lines.append(
            f"| {way} | {ours:.0f} MiB/s | {bare:.0f} MiB/s | {half:.2f} ({low:.2f}-{high:.2f}) | >= {GOAL} "
            f"| {busy_s[way]:.2f} s | {busy_s[f'bare {way}']:.2f} s |"
        )
    lines += [
        "",
        "Processor seconds are those of client and server together, for all bytes: with few cores, what the",
        "server does besides (checksums, files) is time that the stream lacks.",
        "",
        f"Sealing (reading everything back, verifying the digest, waiting for the disk) took "
        f"{wall_s['seal']:.2f} s more, once for each upload.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print and write the page; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mebibytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        asyncio.run(serve_bare(chosen.mebibytes))
        return 0
    measured = measure(chosen.mebibytes, chosen.rounds)
    page = report(measured, chosen.mebibytes)
    print(page)
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(page, encoding="utf-8")
    return 0 if all(quartiles(measured, way)[1] >= GOAL for way in ("upload", "download")) else 1


if __name__ == "__main__":
    raise SystemExit(main())
