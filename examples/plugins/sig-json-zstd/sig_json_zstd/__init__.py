"""A codec for pysig: JSON, compressed by Zstandard."""

from sig_json_zstd.codec import JsonZstdCodec

__all__ = ["JsonZstdCodec"]
