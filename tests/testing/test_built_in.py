"""The built-in carriers and codecs keep the rules that others are asked to keep; nothing is left out for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sig_carriers.local import LocalCarrier
from sig_carriers.serial_port import SerialCarrier
from sig_carriers.tcp import TcpCarrier
from sig_carriers.unix import UnixCarrier
from sig_codecs.cbor_board_codec import CborBoardCodec
from sig_codecs.cbor_codec import CborCodec
from sig_codecs.json_codec import JsonCodec
from sig_codecs.msgpack_codec import MsgpackCodec
from sig_core.testing import CarrierConformance, CodecConformance
from tests.testing.wire import Wire


class TestTcp(CarrierConformance):
    carrier, url = TcpCarrier, TcpCarrier.trial


class TestUnix(CarrierConformance):
    carrier, url = UnixCarrier, UnixCarrier.trial


class TestLocal(CarrierConformance):
    carrier, url = LocalCarrier, LocalCarrier.trial


class TestSerial(CarrierConformance):
    carrier = SerialCarrier

    @pytest.fixture(autouse=True)
    def line(self) -> Iterator[None]:
        """A line of two ports for each check."""
        with Wire() as wire:
            self.url, self.other = wire.urls
            yield

    def client_url(self, bound: str) -> str:
        return self.other


class TestJson(CodecConformance):
    codec = JsonCodec


class TestMsgpack(CodecConformance):
    codec = MsgpackCodec


class TestCbor(CodecConformance):
    codec = CborCodec


class TestCborBoard(CodecConformance):
    codec = CborBoardCodec
