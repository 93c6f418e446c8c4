# The interface of the package `sseclient`, as far as ClaraCore's Python example uses it: iterating gives events with `data`.
import requests


class Event:
    def __init__(self, data):
        self.data = data


class SSEClient:
    def __init__(self, url):
        self.lines = requests.get(url, stream=True, headers={"Accept": "text/event-stream"}).iter_lines(chunk_size=1)

    def __iter__(self):
        data = []
        for raw in self.lines:
            line = raw.decode("utf-8")
            if line.startswith("data:"):
                data.append(line[5:].lstrip())
            elif line == "":
                yield Event("\n".join(data))
                data = []
