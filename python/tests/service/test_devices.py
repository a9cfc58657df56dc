import asyncio
import subprocess

from cristae.service import devices
from cristae.service.devices import Device, Devices


def test_a_look_for_gpus_that_fails_is_repeated_and_the_cpu_used_meanwhile(monkeypatch):
    gpu = Device("cuda:0", "a GPU", 2**34)
    answers = [
        subprocess.TimeoutExpired("python", 60),
        subprocess.CalledProcessError(1, "python", stderr=b"The driver is not ready."),
        [gpu],
    ]
    told = []

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def on_change(found):
        told.append((await found.names(), found.complete))

    monkeypatch.setattr(devices, "_has_driver", lambda: True)
    monkeypatch.setattr(devices, "_ask_torch", ask)
    asyncio.run(asyncio.wait_for(Devices().keep_looking(on_change, pause_s=0.01), 30))
    assert told == [(["cpu"], False), (["cpu"], False), (["cuda:0", "cpu"], True)]


def test_a_computer_without_a_driver_is_looked_at_once(monkeypatch):
    monkeypatch.setattr(devices, "_has_driver", lambda: False)
    found = Devices()

    async def on_change(found):
        pass

    asyncio.run(asyncio.wait_for(found.keep_looking(on_change), 30))
    assert [device.name for device in found.known] == ["cpu"]
    assert found.complete
