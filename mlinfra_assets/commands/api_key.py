"""`mlinfra api key`: who may call the API, and what for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, begin, settings_for
from mlinfra_assets.errors import InvalidInputError

if TYPE_CHECKING:
    from mlinfra_assets.serving.key_file import Keys
    from mlinfra_assets.serving.keys import ApiKey

app = typer.Typer(
    help="API keys: only their hashes are kept, in MLINFRA_API_KEYS_FILE (default: api-keys.json in the home).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NameArgument = Annotated[str, typer.Argument(help="Whose the key is.")]
ScopeOption = Annotated[
    list[str],
    typer.Option("--scope", help="features:VIEW, predict:MODEL, ingest:SOURCE, training, ...; may be repeated."),
]
ExpiresOption = Annotated[
    str | None, typer.Option("--expires", help="When it ends: 90d, 2027-01-31 or a time with a zone.")
]
RequestsOption = Annotated[int | None, typer.Option("--requests-per-second", min=1, help="A limit of its own.")]
EntitiesOption = Annotated[int | None, typer.Option("--entities-per-second", min=1, help="A limit of its own.")]


@app.command("create", short_help="Make a key, and print it this once.")
def create(
    name: NameArgument,
    scope: ScopeOption,
    expires: ExpiresOption = None,
    requests_per_second: RequestsOption = None,
    entities_per_second: EntitiesOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key. It is printed this once; what is kept is its hash. A running API takes it up at once."""
    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.serving.key_file import change_keys
    from mlinfra_assets.serving.keys import ApiKey, hash_of, key_name, new_secret
    from mlinfra_assets.serving.scopes import parse_scopes

    settings, _ = begin(home)
    now = datetime.now(UTC).replace(microsecond=0)
    secret = new_secret()
    key = ApiKey(
        key_name(name),
        hash_of(secret),
        parse_scopes(scope),
        now,
        None if expires is None else _end(expires, now),
        None,
        requests_per_second,
        entities_per_second,
    )

    def add(keys: Keys) -> None:
        if name in keys:
            raise InvalidInputError(f"there is a key {name} already: revoke it, and give the new one another name")
        keys[name] = key

    change_keys(settings.keys_file, add)
    if json:
        print_json({"key": secret, "file": str(settings.keys_file), **_row(key, now)})
        return
    typer.echo(secret)
    typer.echo(f"This is the key of {name}; it is shown this once. Its hash is in {settings.keys_file}", err=True)


@app.command("list", short_help="The keys of the file, without the keys.")
def list_keys(home: HomeOption = None, json: JsonOption = False) -> None:
    """Every key of the file: its scopes, and whether it is good."""
    from mlinfra_assets.commands.output import console, plain_table, print_json
    from mlinfra_assets.serving.key_file import read_keys

    rows = [_row(key, datetime.now(UTC)) for key in read_keys(settings_for(home).keys_file).values()]
    if json:
        print_json(rows)
        return
    table = plain_table("name", "state", "scopes", "made", "expires", whole=("name", "state"))
    for row in rows:
        table.add_row(
            row["name"], row["state"], " ".join(row["scopes"]), str(row["created_at"] or "")[:10],
            str(row["expires_at"] or "never")[:10],
        )  # fmt: skip
    console().print(table)


@app.command("revoke", short_help="Make a key good for nothing.")
def revoke(name: NameArgument, home: HomeOption = None) -> None:
    """Make a key good for nothing. A running API refuses it at once."""
    from dataclasses import replace

    from mlinfra_assets.feature_store.dataset import nearest
    from mlinfra_assets.serving.key_file import change_keys

    def end(keys: Keys) -> None:
        if name not in keys:
            raise InvalidInputError(f"there is no key {name}{nearest(name, keys)}")
        if keys[name].revoked_at is None:
            keys[name] = replace(keys[name], revoked_at=datetime.now(UTC).replace(microsecond=0))

    settings = settings_for(home)
    change_keys(settings.keys_file, end)
    typer.echo(f"the key {name} is revoked", err=True)


def _row(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "name": key.name,
        "state": "revoked" if key.revoked_at else "expired" if key.ended(now) else "good",
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "requests_per_second": key.requests_per_second,
        "entities_per_second": key.entities_per_second,
    }


def _end(text: str, now: datetime) -> datetime:
    wrong = InvalidInputError(f"--expires {text!r} is no moment to come: write 90d, 2027-01-31 or 2027-01-31T12:00:00Z")
    try:
        if text.endswith("d") and text[:-1].isdecimal():
            at = now + timedelta(days=int(text[:-1]))
        else:
            at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise wrong from error
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if at <= now:
        raise wrong
    return at
