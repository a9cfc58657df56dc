"""The server: the contract of ``proto/cristae/v1`` over gRPC, and a client for it."""

from cristae.service.server import serve

__all__ = ["serve"]
