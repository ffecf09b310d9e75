"""The tables of the applications, made by the tests. Importing an application needs its environment; this does not."""

import sqlalchemy as sa

METADATA = sa.MetaData()
CHARGES = sa.Table(
    "charges",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("order_id", sa.Integer, nullable=False),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
)
TALLIES = sa.Table("tallies", METADATA, sa.Column("id", sa.Integer, primary_key=True))


def create(engine: sa.Engine) -> None:
    """Make them."""
    METADATA.create_all(engine)
