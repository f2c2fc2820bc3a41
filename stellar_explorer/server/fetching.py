"""A photo by its address on the web, for programs that name one: fetched into memory, from public hosts alone."""

from __future__ import annotations

import httpx
from safehttpx import AsyncSecureTransport, async_validate_url

from stellar_explorer.photo import MAX_BYTES, printable
from stellar_explorer.server.answers import TooLargeError

SECONDS = 20.0


async def fetch(address: str) -> bytes:
    """ValueError, one sentence, where it cannot be had. Redirects are not followed: each could lead inside."""
    unreachable = ValueError(f"The address {printable(address)} cannot be fetched from here; send the photo itself, "
                             "with gradio_client.handle_file(path).")
    try:
        url = httpx.URL(address)
        # The host is looked up once, and asked by that very number: it cannot be another one the second time.
        transport = AsyncSecureTransport(await async_validate_url(url.host))
        client = httpx.AsyncClient(transport=transport, timeout=SECONDS)
        async with client, client.stream("GET", url) as answer:
            if answer.status_code != 200:
                raise unreachable
            data = bytearray()
            async for piece in answer.aiter_bytes():
                data += piece
                if len(data) > MAX_BYTES:
                    raise TooLargeError(f"The photo is larger than {MAX_BYTES // 2**20} MB; save a smaller copy.")
            return bytes(data)
    except TooLargeError:
        raise
    except (ValueError, OSError, httpx.HTTPError, httpx.InvalidURL):
        raise unreachable from None
