"""Quality against the number of tokens: STELLAR B/16 with 8, 16 and 24."""

from train.tables.declaration import ADE, IMAGENET, README, Row, Table, linear, miou
from train.tables.reconstruction import LPIPS, RFID

TABLE = Table(
    "tokens", "Quality against the number of tokens", README, (RFID, LPIPS, linear(IMAGENET), miou(ADE)),
    (
        Row("stellar-b8", "8 tokens", "stellar-b8", "mean_concept", tokens=8),
        Row("stellar-b16", "16 tokens", "stellar-b16", "mean_concept",
            {"rfid": 3.06, "lpips": 0.2077, "imagenet-1k": 73.26}, tokens=16),
        Row("stellar-b24", "24 tokens", "stellar-b24", "mean_concept", tokens=24),
    ))
