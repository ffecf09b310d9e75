"""`oncemq serve`: serve a data folder until told to stop."""

import sys
from typing import Any

import click
import uvloop

from oncemq.cli.logs import configure_logs
from oncemq.config import ConfigurationError, load
from oncemq.journal.errors import JournalError
from oncemq.server import Server, allow_many_files

FAILED_STATUS = 1
USAGE_STATUS = 2


@click.command(context_settings={"auto_envvar_prefix": "ONCEMQ", "show_default": True})
@click.option("--config", "config_path", envvar="ONCEMQ_CONFIG", help="A TOML file with the same names.")
@click.option("--data", help="Folder of the journal.  [default: oncemq-data]")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--sqs-port", help="Port of the SQS door; 0 for any free one, or off.  [default: 9324]")
@click.option("--amqp-port", help="Port of the AMQP door; 0 for any free one, or off.  [default: 5672]")
@click.option("--amqps-port", help="Port of AMQP over TLS, 0 or off.  [default: 5671 with a certificate, else off]")
@click.option("--sqs-auth", help="verify: check signatures. open: take any caller (loopback only).  [default: verify]")
@click.option("--region", help="Region of requests that name none.  [default: us-east-1]")
@click.option("--tls-certificate", help="PEM file; with it SQS speaks TLS, and AMQP on a port of its own.")
@click.option("--tls-key", help="PEM file of the certificate's key.")
@click.option("--tls-client-authorities", help="PEM file: who signs certificates of AMQP clients.")
@click.option("--tls-client-required", help="true: no AMQP over TLS without such a certificate.  [default: false]")
@click.option("--external-login", help="distinguished-name or common-name: the user.  [default: distinguished-name]")
@click.option("--default-user", help="Administrator of a new data folder, or off.  [default: guest]")
@click.option("--default-password", help="Its password.  [default: guest]")
@click.option("--disk-reserve-bytes", help="Refuse sends while less is free.  [default: 536870912]")
@click.option("--memory-limit-bytes", help="Refuse sends while more is used.  [default: 60% of the machine's]")
@click.option("--segment-bytes", help="Size of the journal's files, allocated at once.  [default: 67108864]")
@click.option("--transient-memory-bytes", help="Transient messages in memory; more spill.  [default: 33554432]")
@click.option("--checkpoint-bytes", help="Bytes journalled between checkpoints.  [default: 67108864]")
@click.option("--queue-name-reuse-seconds", help="How long a deleted queue's name stays taken.  [default: 0]")
@click.option("--drain-seconds", help="Wait that long for open requests at the end.  [default: 10]")
@click.option("--log-level", help="debug, info, warning, error or critical.  [default: info]")
def command(config_path: str | None, **given: Any) -> None:
    """Serve the queues of a data folder until SIGTERM. Every option is also an environment variable: ONCEMQ_SQS_PORT.

    Prints one line when it serves: ready sqs=http://127.0.0.1:9324 amqp=amqp://127.0.0.1:5672
    """
    try:
        configuration = load(config_path, given)
        server = Server(configuration)
    except ConfigurationError as error:
        click.echo(f"oncemq: {error}", err=True)
        sys.exit(USAGE_STATUS)
    configure_logs(configuration.log_level)
    allow_many_files()
    try:
        uvloop.run(server.run(_say))
    except ConfigurationError as error:
        click.echo(f"oncemq: {error}", err=True)
        sys.exit(USAGE_STATUS)
    except JournalError as error:
        click.echo(f"oncemq: {error}", err=True)
        sys.exit(FAILED_STATUS)
    except OSError as error:
        named = error.filename is not None and error.strerror is not None
        click.echo(f"oncemq: {f'{error.filename}: {error.strerror}' if named else error}", err=True)
        sys.exit(FAILED_STATUS)


def _say(line: str) -> None:
    print(line, flush=True)
