"""The built-in codecs: json, msgpack and cbor."""
