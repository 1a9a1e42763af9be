"""The commands of docs/api.md are run, in their order, and get the status that the page says."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from mlinfra_assets import cli
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from tests.support.intake import make_intake
from tests.support.page import commands, status_of


@pytest.fixture
def url(loaded, client, log, clock, settings):
    app = create_app(loaded, log, clock, settings, intake=make_intake(client, log, clock, settings))
    with ApiServer(app, "127.0.0.1", 0) as server:
        yield server.url


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_every_command_does_what_the_page_says(url, settings, tmp_path_factory, capsys):
    home = tmp_path_factory.mktemp("curl")
    (home / ".curlrc").write_text('write-out = "\\n%{http_code}"\n')
    environment = {**os.environ, "API": url, "HOME": str(home), "no_proxy": "*"}
    ran = commands("api.md")
    for command in ran:
        if command.startswith("mlinfra "):
            assert cli.run([*command.split()[1:], "--home", str(settings.home)]) == 0
            said = capsys.readouterr().out
            if " create " in command:
                environment["KEY"] = said.strip()
            continue
        done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
        answer, _, status = done.stdout.rpartition("\n")
        assert (done.returncode, int(status)) == (0, status_of(command)), (command, answer, done.stderr)
    assert len(ran) > 8
