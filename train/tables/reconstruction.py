"""How much of a picture its tokens keep, and what they say of its class."""

from train.tables.declaration import IMAGENET, README, Column, Row, Table


def column(measure: str, label: str, digits: int) -> Column:
    return Column(measure, label, IMAGENET, "reconstruction", f"reconstruction/{measure}", digits=digits)


RFID, LPIPS = column("rfid", "rFID", 2), column("lpips", "LPIPS", 4)
TABLE = Table(
    "reconstruction", "Reconstruction of ImageNet-1k's validation photos", README,
    (RFID, LPIPS, column("psnr", "PSNR (dB)", 2), column("tokens", "tokens", 0), column("bytes", "bytes", 0)),
    (
        # Theirs by a decoder of six blocks that was trained on frozen features, which no published file has.
        Row("dino-b16", "DINO", "dino-b16", published={"rfid": 3.27, "lpips": 0.2121}),
        Row("mae-b16", "MAE B", "mae-b16", published={"rfid": 3.02, "lpips": 0.2071}),
        Row("titok-l32", "TiTok 32", "titok-l32", published={"rfid": 2.75, "lpips": 0.3281, "tokens": 32}),
        Row("titok-b64", "TiTok 64", "titok-b64", published={"rfid": 1.99, "lpips": 0.2571, "tokens": 64}),
        Row("stellar-b16", "STELLAR B, 16", "stellar-b16", published={"rfid": 3.06, "lpips": 0.2077, "tokens": 16}),
        Row("stellar-h16", "STELLAR H, 16", "stellar-h16", published={"rfid": 2.60, "lpips": 0.1729, "tokens": 16}),
    ), rebuilds=True)
