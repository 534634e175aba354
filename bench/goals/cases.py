"""The speed goals, one line each."""

from catch_up import Case, Load, consume_limit, postgres_limit, redis_limit

COPY_BATCH_ROWS = 10_000  # the best of 1,000 to 50,000, by hand

CATCH_UP = (
    Case(
        "postgres-new",
        "PostgreSQL, every key is new",
        Load("postgres", "orders"),
        postgres_limit("copy", COPY_BATCH_ROWS),
        "binary COPY of the rows into the table",
        0.8,
    ),
    Case(
        "postgres-updates",
        "PostgreSQL, every key is there",
        Load("postgres", "orders", before=True),
        postgres_limit("upsert", COPY_BATCH_ROWS),
        "COPY to a staging table, INSERT ... ON CONFLICT DO UPDATE",
        0.9,
    ),
    Case(
        "postgres-shipped",
        "PostgreSQL, placed then shipped, a fifth late",
        Load("postgres", "shipped", workload="shipped"),
        postgres_limit("copy", COPY_BATCH_ROWS),
        "binary COPY of as many rows",
        0.5,
    ),
    Case(
        "postgres-hot",
        "PostgreSQL, sums of 1,000 customers",
        Load("postgres", "customers", workload="customers", fill={"customers": 1_000}),
        consume_limit,
        "librdkafka alone",
        0.5,
    ),
    Case(
        "redis-random",
        "Redis, counters of 100,000 customers",
        Load("redis", "counters", workload="customers", fill={"customers": 100_000}),
        redis_limit(100_000),
        "INCRBY, pipelines of 500",
        0.8,
    ),
    Case(
        "redis-hot",
        "Redis, counters of 1,000 customers",
        Load("redis", "counters", workload="customers", fill={"customers": 1_000}),
        consume_limit,
        "librdkafka alone",
        0.5,
    ),
)
