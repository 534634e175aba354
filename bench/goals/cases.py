"""The speed goals, one line each."""

from catch_up import Case, Load, consume_limit, postgres_limit, redis_limit, search_limit

COPY_BATCH_ROWS = 10_000  # smaller ones are slower, larger ones no faster

RECENT_DOCUMENTS = 50_000  # more than a batch, and few enough for the worker's cache
SEARCH_SHARE = 0.25  # of the events: a search store takes a tenth of what the others take
OFTEN = 3  # a million events on few keys take a second

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
        often=OFTEN,
    ),
    Case(
        "redis-random",
        "Redis, counters of 100,000 customers",
        Load("redis", "counters", workload="customers", fill={"customers": 100_000}),
        redis_limit(100_000),
        "INCRBY, pipelines of 500",
        0.8,
        often=OFTEN,
    ),
    Case(
        "redis-hot",
        "Redis, counters of 1,000 customers",
        Load("redis", "counters", workload="customers", fill={"customers": 1_000}),
        consume_limit,
        "librdkafka alone",
        0.5,
        often=OFTEN,
    ),
    Case(
        "search-new",
        "OpenSearch, every document is new",
        Load("opensearch", "documents"),
        search_limit("new"),
        "prebuilt _bulk, at its best size and connections",
        0.85,
        SEARCH_SHARE,
    ),
    Case(
        "search-recent",
        "OpenSearch, updates of documents that the worker has just written",
        Load("opensearch", "documents", workload="rounds", fill={"orders": RECENT_DOCUMENTS}, before=True),
        search_limit("update", "--distinct", RECENT_DOCUMENTS),
        "prebuilt _bulk over the same documents",
        0.75,
        SEARCH_SHARE,
    ),
    Case(
        "search-cold",
        "OpenSearch, updates of documents that the worker has not seen",
        Load("opensearch", "documents", before=True, restart=True),
        search_limit("update"),
        "prebuilt _bulk over the same documents",
        0.4,
        SEARCH_SHARE,
    ),
)
