"""nginx as a raw byte proxy: what a relay costs that looks at nothing and keeps nothing."""

from __future__ import annotations

import os
import shutil
from urllib.parse import urlsplit

from benchmarks.relay.peers.base import NotAvailable, PassingPeer

CONFIGURATION = """
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 10000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
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
}}
"""


class Nginx(PassingPeer):
    name = "nginx"
    title = "nginx, raw byte proxy"

    def start(self) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            raise NotAvailable("nginx is not installed (apt install nginx-light)")
        folder = self.setting.folder
        configuration = folder / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(
                user="user root;" if os.geteuid() == 0 else "",
                folder=folder,
                port=self.port,
                upstream=urlsplit(self.setting.upstream).netloc,
            )
        )
        self.run([program, "-p", folder, "-c", configuration])
