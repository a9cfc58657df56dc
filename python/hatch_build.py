"""Generate the Python side of the contract (``cristae.v1``) whenever the package is built or installed."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GenerateContract(BuildHookInterface):
    """Run protoc on ``proto/`` before the package is put together, editable installs included."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write ``python/src/cristae/v1/*_pb2.py``, their type stubs and the gRPC stubs."""
        import grpc_tools
        from grpc_tools import protoc

        root = Path(self.root)
        protos = sorted((root / "proto" / "cristae" / "v1").glob("*.proto"))
        target = root / "python" / "src"
        (target / "cristae" / "v1").mkdir(parents=True, exist_ok=True)
        (target / "cristae" / "v1" / "__init__.py").write_text(
            '"""The generated contract; see proto/cristae/v1."""\n'
        )
        status = protoc.main(
            [
                "protoc",
                f"-I{root / 'proto'}",
                f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
                f"--python_out={target}",
                f"--pyi_out={target}",
                f"--grpc_python_out={target}",
                *map(str, protos),
            ]
        )
        if status != 0:
            raise RuntimeError("protoc could not compile proto/cristae/v1; its message stands above.")
