"""The way in over gRPC: a stream for every device that ChirpStack lists."""

from .source import GrpcSource

__all__ = ["GrpcSource"]
