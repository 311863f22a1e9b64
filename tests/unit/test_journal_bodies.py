"""Bodies in frames: any bytes come back, and damage is found."""

import os

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from vdl_lora.events import MAX_BODY
from vdl_lora.journal.bodies import SEED, Bodies, DamagedBody, train

BODY = (
    b'{"deduplicationId":"3f0b8a4e-4d55-4d0c-9d5a-7a1e5d8c0f11","time":"2026-11-23T22:18:17.690810+00:00",'
    b'"deviceInfo":{"tenantId":"886d1009-b480-4696-b96d-4a269b13caa7","devEui":"24e124136b500042"},"fCnt":7,'
    b'"data":"AXVcA2cQAQRocQ==","rxInfo":[{"gatewayId":"0016c001f1500001","rssi":-97,"snr":7.5}]}'
)


@pytest.fixture(scope="module")
def bodies():
    return Bodies({1: ("raw", SEED)})


@settings(deadline=None)
@given(body=st.binary(max_size=4096))
def test_any_bytes_come_back(bodies, body):
    assert bodies.unpack(bodies.newest, bodies.pack(body)) == body


def test_the_largest_body_comes_back(bodies):
    body = os.urandom(MAX_BODY)
    assert bodies.unpack(1, bodies.pack(body)) == body


def test_a_body_like_the_seed_is_small(bodies):
    assert len(bodies.pack(BODY)) < len(BODY) / 2
    assert len(bodies.pack(BODY)) < len(zstandard.compress(BODY))


def test_no_flipped_bit_gives_another_body(bodies):
    frame = bodies.pack(BODY)
    found = 0
    for index in range(len(frame)):
        for bit in range(8):
            damaged = bytearray(frame)
            damaged[index] ^= 1 << bit
            try:
                assert bodies.unpack(1, bytes(damaged)) == BODY
            except DamagedBody:
                found += 1
    assert found > 0.9 * 8 * len(frame)


def test_a_frame_that_is_cut_short_is_found(bodies):
    frame = bodies.pack(BODY)
    for size in range(len(frame)):
        with pytest.raises(DamagedBody, match=r"frame|data|size|decompress|input"):
            bodies.unpack(1, frame[:size])


def test_a_frame_without_its_dictionary_is_found(bodies):
    with pytest.raises(DamagedBody):
        bodies.unpack(2, bodies.pack(BODY))
    with pytest.raises(DamagedBody):
        Bodies({1: ("raw", SEED[::-1])}).unpack(1, bodies.pack(BODY))


def test_a_trained_dictionary_packs_what_it_knows_and_the_older_ones_still_read():
    samples = [BODY.replace(b'"fCnt":7', b'"fCnt":%d' % number) for number in range(2_000)]
    bodies = Bodies({1: ("raw", SEED)})
    before = bodies.pack(BODY)
    bodies.learn(2, "trained", train(samples))
    assert (bodies.newest, bodies.form) == (2, "trained")
    after = bodies.pack(BODY)
    assert len(after) < len(before)
    assert bodies.unpack(1, before) == bodies.unpack(2, after) == BODY


def test_too_few_samples_train_nothing():
    with pytest.raises(zstandard.ZstdError):
        train([b"x"])
