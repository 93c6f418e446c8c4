#!/usr/bin/env python3
"""A streamed chat with the standard library alone: chat.py MODEL WORDS…

OPENAI_BASE_URL and OPENAI_API_KEY are those of OpenAI's own library, which works as well.
"""

import json
import os
import sys
import urllib.error
import urllib.request

BASE = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:5800/v1").rstrip("/")
KEY = os.environ.get("OPENAI_API_KEY", "none")


def chat(model, messages):
    """Yields the answer piece by piece."""
    request = urllib.request.Request(
        f"{BASE}/chat/completions",
        data=json.dumps({"model": model, "messages": messages, "stream": True}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
    )
    # A model that has to be loaded first is silent for as long as that takes.
    with urllib.request.urlopen(request, timeout=600) as answer:
        for line in answer:
            if not line.startswith(b"data: ") or line.strip() == b"data: [DONE]":
                continue
            event = json.loads(line[len(b"data: ") :])
            if "error" in event:
                raise SystemExit(f"the stream failed: {event['error']['message']}")
            for choice in event.get("choices", []):
                yield choice["delta"].get("content") or ""


def main():
    if len(sys.argv) < 3:
        raise SystemExit("usage: chat.py MODEL WORDS…")
    model, words = sys.argv[1], " ".join(sys.argv[2:])
    try:
        for piece in chat(model, [{"role": "user", "content": words}]):
            print(piece, end="", flush=True)
        print()
    except urllib.error.HTTPError as refused:
        said = json.loads(refused.read())["error"]["message"]
        raise SystemExit(f"{refused.code}: {said}") from None


if __name__ == "__main__":
    main()
