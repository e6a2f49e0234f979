# SPDX-License-Identifier: Apache-2.0
"""Prints the events of a folder's event files, one line of JSON per event. It
shares no code with the writer: checksums are computed bit by bit, and fields are
decoded by their numbers in TensorFlow's event.proto, summary.proto and
histogram.proto.

    tensorboard_reader.py FOLDER
"""
import json
import math
import pathlib
import struct
import sys


def crc32c(data):
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            odd = remainder & 1
            remainder = (remainder >> 1) ^ (0x82F63B78 if odd else 0)
    return remainder ^ 0xFFFFFFFF


def masked(crc):
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def records(data, name):
    """Yields the payloads of a TFRecord file; raises an error if a checksum is
    wrong. Like TensorFlow, it ignores an incomplete last record."""
    at = 0
    while at + 12 <= len(data):
        length, of_length = struct.unpack_from("<QI", data, at)
        if of_length != masked(crc32c(data[at:at + 8])):
            raise ValueError(f"{name}: wrong sum of the length at byte {at}")
        if at + 16 + length > len(data):
            return
        payload = data[at + 12:at + 12 + length]
        of_payload, = struct.unpack_from("<I", data, at + 12 + length)
        if of_payload != masked(crc32c(payload)):
            raise ValueError(f"{name}: wrong sum of the data at byte {at}")
        yield payload
        at += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """Yields (number, value) for each field of a message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire in (1, 5):
            form = "<d" if wire == 1 else "<f"
            value, = struct.unpack_from(form, data, at)
            at += struct.calcsize(form)
        elif wire == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {wire}")
        yield number, value


# Returns a decoder for a message. `known` maps the number of each field to its
# name and the function that converts its value.
def message(known):
    def read(data):
        result = {}
        for number, value in fields(data):
            name, convert = known[number]
            result[name] = convert(value)
        return result
    return read


def doubles(data):
    return [value for value, in struct.iter_unpack("<d", data)]


def number(value):
    return value if math.isfinite(value) else str(value)


IMAGE = message({1: ("height", int), 2: ("width", int),
                 3: ("colorspace", int),
                 4: ("encoded_image_string", bytes.hex)})
HISTOGRAM = message({1: ("min", float), 2: ("max", float), 3: ("num", float),
                     4: ("sum", float), 5: ("sum_squares", number),
                     6: ("bucket_limit", doubles), 7: ("bucket", doubles)})
VALUE = message({1: ("tag", bytes.decode), 2: ("simple_value", number),
                 4: ("image", IMAGE), 5: ("histo", HISTOGRAM)})
# Each summary written by this project holds one value.
SUMMARY = message({1: ("value", VALUE)})
SESSION_LOG = message({1: ("status", int)})
EVENT = message({1: ("wall_time", float), 2: ("step", int),
                 3: ("file_version", bytes.decode), 5: ("summary", SUMMARY),
                 7: ("session_log", SESSION_LOG)})


def main():
    # This is the standard check value of CRC-32C.
    assert crc32c(b"123456789") == 0xE3069283
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*tfevents*")):
        for payload in records(path.read_bytes(), path.name):
            print(json.dumps({"file": path.name, **EVENT(payload)}))


if __name__ == "__main__":
    main()
