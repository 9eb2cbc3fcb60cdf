-- Times are milliseconds since 1970. Revisions are written as `main@sha1:<40 hex>`.

CREATE TABLE stacks (
    source          TEXT NOT NULL,
    stack           TEXT NOT NULL,
    -- Memory.
    last_attempted  TEXT,
    last_applied    TEXT,
    last_stable     TEXT,
    bad_revision    TEXT,
    bad_fingerprint TEXT,
    bad_reason      TEXT,
    bad_since       INTEGER,
    suspend_reason  TEXT,
    suspended_since INTEGER,
    suspended_until INTEGER,
    -- Status; `sync` is null for a stack that is no longer in its source.
    sync            TEXT,
    health          TEXT,
    message         TEXT NOT NULL DEFAULT '',
    updated_at      INTEGER,
    PRIMARY KEY (source, stack)
) STRICT;

CREATE TABLE pins (
    source      TEXT NOT NULL,
    stack       TEXT NOT NULL,
    service     TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    image       TEXT NOT NULL,
    stable_at   INTEGER NOT NULL,
    PRIMARY KEY (source, stack, service, fingerprint)
) STRICT;

CREATE TABLE sources (
    name           TEXT PRIMARY KEY,
    last_seen      TEXT,
    last_fetch     INTEGER,
    last_scheduled INTEGER
) STRICT;

CREATE TABLE conditions (
    key         TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    since       INTEGER NOT NULL
) STRICT;

CREATE TABLE runs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    source      TEXT NOT NULL,
    stack       TEXT NOT NULL,
    revision    TEXT NOT NULL,
    previous    TEXT,
    initiator   TEXT NOT NULL,
    plan        TEXT NOT NULL,
    phase       TEXT NOT NULL,
    message     TEXT NOT NULL DEFAULT '',
    started_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE INDEX runs_by_stack ON runs (stack, source, number);

-- What happened to the steps of a run, in order. Only ever added to.
CREATE TABLE journal (
    run     INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    change  TEXT NOT NULL,
    object  TEXT NOT NULL,
    action  TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (run, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT NOT NULL UNIQUE,
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    name   TEXT NOT NULL,
    source TEXT NOT NULL,
    type   TEXT NOT NULL,
    -- The event as it is sent: a second try sends the same bytes.
    body   TEXT NOT NULL
) STRICT;

-- The last event number of each object.
CREATE TABLE sequences (
    object TEXT PRIMARY KEY,
    last   INTEGER NOT NULL
) STRICT;

-- Where events go.
CREATE TABLE providers (
    name     TEXT PRIMARY KEY,
    patterns TEXT NOT NULL,
    sources  TEXT NOT NULL,
    stacks   TEXT NOT NULL
) STRICT;

-- What a provider has yet to get. What it got is deleted; what it cannot get stays until its event goes.
CREATE TABLE deliveries (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    event    INTEGER NOT NULL REFERENCES events (number) ON DELETE CASCADE,
    object   TEXT NOT NULL,
    dead     INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at  INTEGER NOT NULL,
    -- 1 if it waits because the whole provider is down.
    held     INTEGER NOT NULL DEFAULT 0,
    error    TEXT,
    UNIQUE (provider, event)
) STRICT;
CREATE INDEX deliveries_in_order ON deliveries (provider, dead, object, event);
CREATE INDEX deliveries_by_event ON deliveries (event);
