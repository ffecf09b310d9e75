"""Orders that are charged and invoiced, by a sync and an async handler; what a handler does is said in the order
itself."""

import asyncio
import os
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from oncemq.worker import App, Context, Exponential, Header, Reject, Retry, Skip

QUEUE = os.environ.get("TEST_QUEUE", "orders")
app = App(
    broker=os.environ["TEST_BROKER"],
    database=os.environ["TEST_DATABASE"],
    name="shop",
    lease_s=float(os.environ.get("TEST_LEASE_S", "3")),
)
RETRY = Exponential(first_s=0.1, limit_s=0.4, attempts=3)
INVOICES = f"{QUEUE}-invoices"


class Order(msgspec.Struct):
    """What is ordered, and what the handler is to do about it."""

    id: int
    total: int = 1
    does: str = "charge"


class Base(DeclarativeBase):
    """The application's own tables."""


class Charge(Base):
    """An effect. It has no unique key, so that a second one is seen."""

    __tablename__ = "charges"
    number: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int]
    amount: Mapped[int]
    attempt: Mapped[int]


class Tally(Base):
    """A row that cannot be there twice."""

    __tablename__ = "tallies"
    id: Mapped[int] = mapped_column(primary_key=True)


def run_log(ctx: Context, order: Order) -> None:
    """One line a run, outside the database: what no rollback takes away."""
    with open(os.environ["TEST_RUNS"], "a") as file:
        file.write(f"{order.id} {ctx.attempt} {ctx.consumer} {os.getpid()}\n")


def before(order: Order, ctx: Context) -> None:
    """What an order may want besides being charged."""
    run_log(ctx, order)
    match order.does:
        case "fail":
            raise ValueError(f"order {order.id} fails")
        case "fail-once" if ctx.attempt == 1:
            raise ValueError("the first attempt fails")
        case "retry-once" if ctx.attempt == 1:
            raise Retry("not yet", after_s=0.1)


def after(order: Order) -> None:
    """What goes wrong when the effects are there already."""
    match order.does:
        case "nap":
            time.sleep(float(os.environ["TEST_NAP_S"]))
        case "hold-gil":
            assert not re.fullmatch(r"(x|x)*y", "x" * int(os.environ["TEST_REGEX"]))
        case "fail-late":
            raise ValueError("after the effects")
        case "reject-until-file" if not Path(os.environ["TEST_RUNS"]).with_name("good").exists():
            raise Reject("a bad order")
        case "reject":
            raise Reject("a bad order")
        case "skip":
            raise Skip
        case "die":
            os.kill(os.getpid(), 9)


def misuse(tx: Session, order: Order) -> None:
    """What a handler must not do with its transaction."""
    match order.does:
        case "commit":
            tx.commit()
        case "commit-swallowed":
            try:
                tx.commit()
            except Exception:
                return
        case "rollback":
            tx.rollback()
        case "close":
            tx.close()
        case "driver-commit":
            driver: Any = tx.connection().connection.driver_connection
            driver.commit()
        case "driver-commit-fail":
            misuse(tx, msgspec.structs.replace(order, does="driver-commit"))
            raise ValueError("after its own commit")
        case "swallow":
            swallow(tx)
        case "publish-outside":
            with Session(tx.connection().engine) as other:
                app.publish_sync(INVOICES, {"order_id": order.id}, tx=other)
        case "slow":
            time.sleep(60)


def meet(order: Order) -> None:
    """Wait until two orders are here."""
    path = os.environ["TEST_RUNS"]
    with open(path, "a") as file:
        file.write(f"met {order.id}\n")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with open(path) as file:
            if len({line for line in file if line.startswith("met ")}) >= 2:
                return
        time.sleep(0.01)


def contend(tx: Session, order: Order) -> None:
    """With another order that does the same at the same time."""
    match order.does:
        case "deadlock":
            lock = sa.text("UPDATE tallies SET id = id WHERE id = :id")
            tx.execute(lock, {"id": order.id})
            meet(order)
            tx.execute(lock, {"id": 3 - order.id})
        case "write-skew":
            tx.scalar(sa.select(sa.func.count()).select_from(Charge))
            meet(order)


def swallow(tx: Session) -> None:
    """Go on after a database error as if nothing had been."""
    how = "INSERT OR ROLLBACK" if tx.connection().dialect.name == "sqlite" else "INSERT"
    try:
        tx.execute(sa.text(f"{how} INTO tallies (id) VALUES (1), (1)"))
    except sa.exc.SQLAlchemyError:
        return


@app.consumer(QUEUE, retry=RETRY, time_limit_s=float(os.environ.get("TEST_TIME_LIMIT_S", "30")))
def charge(order: Order, tx: Session, ctx: Context) -> None:
    """The sync handler."""
    before(order, ctx)
    contend(tx, order)
    tx.add(Charge(order_id=order.id, amount=order.total, attempt=ctx.attempt))
    to = f"{QUEUE}-nowhere" if order.does == "publish-nowhere" else INVOICES
    ctx.publish(to, {"order_id": order.id}, ordering_key=f"order-{order.id}")
    misuse(tx, order)
    after(order)


@app.consumer(f"{QUEUE}-async", retry=RETRY, time_limit_s=float(os.environ.get("TEST_TIME_LIMIT_S", "30")))
async def charge_async(order: Order, tx: AsyncSession, ctx: Context) -> None:
    """The async one."""
    before(order, ctx)
    tx.add(Charge(order_id=order.id, amount=order.total, attempt=ctx.attempt))
    ctx.publish(INVOICES, {"order_id": order.id})
    if order.does == "commit":
        await tx.commit()
    if order.does == "slow":
        await asyncio.sleep(60)
    after(order)


@app.consumer(f"{QUEUE}-foreign", retry=RETRY, id="id")
def charge_foreign(order: Order, tx: Session, ctx: Context) -> None:
    """For messages of publishers that give no message id: the order's is it."""
    charge(order, tx, ctx)


@app.consumer(f"{QUEUE}-header", retry=RETRY, id=Header("x-order"))
def charge_header(order: Order, tx: Session, ctx: Context) -> None:
    """Or a header's."""
    charge(order, tx, ctx)


@app.consumer(f"{QUEUE}-fenced", retry=RETRY, fenced=True)
def charge_fenced(order: Order, tx: Session, ctx: Context) -> None:
    """Tells an outside system its fencing number."""
    with open(os.environ["TEST_RUNS"], "a") as file:
        file.write(f"fence {ctx.fence} {order.id}\n")
    charge(order, tx, ctx)


@app.consumer(f"{QUEUE}-once", effects="at_most_once")
def notify(order: Order, tx: Session, ctx: Context) -> None:
    """A notification: better never than twice."""
    charge(order, tx, ctx)


@app.consumer(f"{QUEUE}-batch", retry=RETRY)
def charge_batch(orders: list[Order], tx: Session, ctx: Context) -> None:
    """Many at a time."""
    with open(os.environ["TEST_RUNS"], "a") as file:
        file.write(f"batch {len(orders)}\n")
    for order, one in zip(orders, ctx.batch, strict=True):
        before(order, one)
        tx.add(Charge(order_id=order.id, amount=order.total, attempt=one.attempt))
        ctx.publish(INVOICES, {"order_id": order.id})
        after(order)


@app.consumer(INVOICES, retry=RETRY)
def invoice(invoiced: dict[str, Any], ctx: Context) -> None:
    """What the first handlers publish."""
    with open(os.environ["TEST_RUNS"], "a") as file:
        file.write(f"invoice {invoiced['order_id']} {ctx.message_id}\n")
