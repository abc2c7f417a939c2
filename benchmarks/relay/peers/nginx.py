"""nginx as a raw byte proxy: what a relay costs that looks at nothing and keeps nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

from benchmarks.relay.peers.base import NotAvailable, PassingPeer
from tests.support import nginx

MAIN = """
worker_rlimit_nofile 20000;
error_log stderr crit;
events { worker_connections 10000; }
"""
HTTP = """
    upstream model {{ server {upstream}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
"""


class Nginx(PassingPeer):
    name = "nginx"
    title = "nginx, raw byte proxy"

    def start(self) -> None:
        http = HTTP.format(port=self.port, upstream=urlsplit(self.setting.upstream).netloc)
        try:
            self.run(nginx.command(self.setting.folder, MAIN, http))
        except nginx.NotInstalled as why:
            raise NotAvailable(str(why)) from why
