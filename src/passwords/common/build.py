"""Writes passwords.txt anew: build.py DJANGO_LIST SECLISTS_LIST > passwords.txt

SOURCE.md says which files these are. Both hold one password a line, the most common first; the
first one may be compressed with gzip.
"""

import gzip
import sys
from unicodedata import normalize

# Of the second list, those of production's least length; more would make the binary too large.
LONG, LONG_COUNT = 15, 4000


def fold(word):
    return normalize("NFKC", normalize("NFKC", word).casefold())


def lines(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [fold(line.strip()) for line in file]


def encode(words):
    before = b""
    for word in words:
        shared = 0
        while shared < min(len(word), len(before), 25) and word[shared] == before[shared]:
            shared += 1
        while shared < len(word) and word[shared] & 0xC0 == 0x80:
            shared -= 1
        yield bytes([ord("a") + shared]) + word[shared:] + b"\n"
        before = word


common = {word for word in lines(sys.argv[1]) if len(word) >= 8}
# A dict keeps the order.
long = dict.fromkeys(word for word in lines(sys.argv[2]) if len(word) >= LONG)
common.update([word for word in long if word not in common][:LONG_COUNT])
sys.stdout.buffer.write(b"".join(encode(sorted(word.encode() for word in common))))
