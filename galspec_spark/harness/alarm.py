"""Tell of an exit code other than 0: run a command, and post to a webhook."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence

from galspec_spark.errors import UserError

#: How long a command may take, and an answer of a webhook.
COMMAND_SECONDS, WEBHOOK_SECONDS = 60.0, 10.0
#: Variable with the webhook's address, which is a secret, where the configuration has none.
WEBHOOK_VARIABLE = "GALSPEC_WEBHOOK"


def run_command(command: Sequence[str], facts: Mapping[str, str]) -> None:
    """Run a command, without a shell.

    Parameters
    ----------
    command
        The program and its arguments.
    facts
        What the environment of the command tells, as ``GALSPEC_EXIT_CODE`` and so on.

    Raises
    ------
    UserError
        If it cannot be started, fails, or takes longer than a minute.
    """
    told = {f"GALSPEC_{name.upper()}": value.replace("\0", "") for name, value in facts.items()}
    inherited = {name: value for name, value in os.environ.items() if name != WEBHOOK_VARIABLE}
    try:
        # What it prints is no result of the job.
        done = subprocess.run(
            command,
            env={**inherited, **told},
            stdin=subprocess.DEVNULL,
            stdout=2,
            check=False,
            timeout=COMMAND_SECONDS,
        )
    except OSError as error:
        raise UserError(f"{command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"{command[0]} was ended after {COMMAND_SECONDS:.0f} s") from None
    if done.returncode:
        raise UserError(f"{command[0]} ended with exit code {done.returncode}")


def post(address: str, facts: Mapping[str, str]) -> None:
    """Post facts as a JSON object, with a line for people in ``text``, as chats expect it.

    Raises
    ------
    UserError
        If the server does not take it. The message has nothing of the address.
    """
    job = f"galspec {facts['job']} {facts['release']}".rstrip()
    line = f"{job}: exit code {facts['exit_code']}. {facts['message']}"
    body = json.dumps({"text": line, **facts}).encode()
    headers = {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(address, body, headers)
        with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise UserError(f"the server answered {error.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        # Messages of other errors repeat the address.
        text = cause.strerror if isinstance(cause, OSError) else None
        raise UserError(text or type(cause).__name__) from None
