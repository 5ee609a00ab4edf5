"""A real atolld on a data folder of its own, with one database in two locations."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request


class Server:
    def __init__(self):
        self.data = tempfile.mkdtemp(prefix="atoll-python-")
        self.process = subprocess.Popen(
            [os.environ.get("ATOLLD", "build/atolld"), "--listen", "127.0.0.1:0", "--data", self.data],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for line in self.process.stdout:
            if "ready" in line:
                break
        with open(os.path.join(self.data, "bootstrap.json"), encoding="utf-8") as file:
            bootstrap = json.load(file)
        self.url = bootstrap["url"]
        self.token = bootstrap["token"]
        self.databases = f"/v1/organizations/{bootstrap['organization']}/databases"
        self.call("POST", self.databases, {"name": "judge"})
        self.labels = []
        for location in ("ord", "nrt"):
            answer = self.call("POST", f"{self.databases}/judge/instances", {"location": location})
            self.labels.append(answer["instance"]["hostname"].split(".")[0])
            name = answer["instance"]["name"]
            self.call("GET", f"{self.databases}/judge/instances/{name}/wait")
        self.jwt = self.call("POST", f"{self.databases}/judge/auth/tokens")["jwt"]

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.url.rstrip("/") + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or "{}")

    def address(self, scheme, instance):
        host = self.url.split("//", 1)[1].strip("/")
        return f"{scheme}://{host}/db/{self.labels[instance]}/"

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        shutil.rmtree(self.data)
        assert status == 0, f"atolld ended with {status}"
