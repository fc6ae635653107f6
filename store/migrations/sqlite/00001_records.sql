-- The records. Times are milliseconds since 1970 UTC, days are days since then,
-- lists and maps are JSON. A column that may be NULL means "none" by it.
-- The text stays within what PostgreSQL has too, but for WITHOUT ROWID, BLOB and AUTOINCREMENT.

-- +goose Up
CREATE TABLE projects (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    zone         TEXT NOT NULL,
    phase        TEXT NOT NULL,
    grade        TEXT NOT NULL,
    calendar     TEXT NOT NULL,
    daily_checks TEXT NOT NULL,
    check_by     TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);

-- A plan revision is never changed after it is written.
CREATE TABLE plans (
    project   TEXT NOT NULL REFERENCES projects (id),
    revision  INTEGER NOT NULL,
    start     INTEGER NOT NULL,
    delivery  TEXT NOT NULL,
    saved_at  BIGINT NOT NULL,
    saved_by  TEXT NOT NULL,
    PRIMARY KEY (project, revision)
);

CREATE TABLE plan_buildings (
    project  TEXT NOT NULL,
    revision INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    id       TEXT NOT NULL,
    name     TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (project, revision, id),
    FOREIGN KEY (project, revision) REFERENCES plans (project, revision)
) WITHOUT ROWID;

CREATE TABLE plan_tasks (
    project   TEXT NOT NULL,
    revision  INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    id        TEXT NOT NULL,
    building  TEXT NOT NULL,
    name      TEXT NOT NULL,
    code      TEXT NOT NULL,
    trade     TEXT NOT NULL,
    start     INTEGER NOT NULL,
    finish    INTEGER NOT NULL,
    duration  BIGINT NOT NULL,
    weight    DOUBLE PRECISION NOT NULL,
    milestone BOOLEAN NOT NULL,
    quantity  DOUBLE PRECISION NOT NULL,
    unit      TEXT NOT NULL,
    PRIMARY KEY (project, revision, id),
    FOREIGN KEY (project, revision) REFERENCES plans (project, revision)
) WITHOUT ROWID;

CREATE TABLE plan_links (
    project  TEXT NOT NULL,
    revision INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    pred     TEXT NOT NULL,
    succ     TEXT NOT NULL,
    type     TEXT NOT NULL,
    lag      BIGINT NOT NULL,
    PRIMARY KEY (project, revision, seq),
    FOREIGN KEY (project, revision) REFERENCES plans (project, revision)
) WITHOUT ROWID;

-- A baseline is never changed after it is approved.
CREATE TABLE baselines (
    project     TEXT NOT NULL REFERENCES projects (id),
    revision    INTEGER NOT NULL,
    name        TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    approved_at BIGINT NOT NULL,
    delivery    INTEGER NOT NULL,
    PRIMARY KEY (project, revision)
);

CREATE TABLE baseline_tasks (
    project  TEXT NOT NULL,
    revision INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    task     TEXT NOT NULL,
    start    INTEGER NOT NULL,
    finish   INTEGER NOT NULL,
    PRIMARY KEY (project, revision, seq),
    FOREIGN KEY (project, revision) REFERENCES baselines (project, revision)
) WITHOUT ROWID;

-- Reports are evidence: withdrawn ones are marked and kept.
CREATE TABLE progress (
    project       TEXT NOT NULL REFERENCES projects (id),
    id            TEXT NOT NULL,
    task          TEXT NOT NULL,
    t             BIGINT NOT NULL,
    arrived       BIGINT NOT NULL,
    percent       DOUBLE PRECISION,
    quantity      DOUBLE PRECISION,
    workers       DOUBLE PRECISION,
    note          TEXT NOT NULL,
    reason        TEXT NOT NULL,
    photos        TEXT NOT NULL,
    author        TEXT NOT NULL,
    door          TEXT NOT NULL,
    withdrawn_by  TEXT,
    withdrawn_why TEXT,
    withdrawn_at  BIGINT,
    PRIMARY KEY (project, id)
);
CREATE INDEX progress_newest ON progress (project, t DESC, id DESC);
CREATE INDEX progress_of_task ON progress (project, task, t, id);

CREATE TABLE checks (
    project       TEXT NOT NULL REFERENCES projects (id),
    id            TEXT NOT NULL,
    checklist     TEXT NOT NULL,
    version       INTEGER NOT NULL,
    building      TEXT NOT NULL,
    t             BIGINT NOT NULL,
    arrived       BIGINT NOT NULL,
    items         TEXT NOT NULL,
    author        TEXT NOT NULL,
    door          TEXT NOT NULL,
    score         DOUBLE PRECISION NOT NULL,
    grade         TEXT NOT NULL,
    passed        BOOLEAN NOT NULL,
    failed        INTEGER NOT NULL,
    issues        TEXT NOT NULL,
    withdrawn_by  TEXT,
    withdrawn_why TEXT,
    withdrawn_at  BIGINT,
    PRIMARY KEY (project, id)
);
CREATE INDEX checks_newest ON checks (project, t DESC, id DESC);
CREATE INDEX checks_of_form ON checks (project, checklist, t, id);

CREATE TABLE devices (
    id          TEXT PRIMARY KEY,
    project     TEXT NOT NULL REFERENCES projects (id),
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    place       TEXT NOT NULL,
    building    TEXT NOT NULL,
    silent_ms   BIGINT NOT NULL,
    secret_hash BLOB NOT NULL,
    created_at  BIGINT NOT NULL,
    revoked_at  BIGINT,
    last_seen   BIGINT,
    status      TEXT NOT NULL,
    status_at   BIGINT
);
CREATE INDEX devices_of_project ON devices (project, id);

CREATE TABLE device_last (
    device TEXT NOT NULL REFERENCES devices (id),
    metric TEXT NOT NULL,
    t      BIGINT NOT NULL,
    value  DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (device, metric)
) WITHOUT ROWID;

CREATE TABLE people (
    login         TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    mail          TEXT NOT NULL,
    mail_from     TEXT NOT NULL,
    lang          TEXT NOT NULL,
    disabled      BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    password_hash TEXT NOT NULL
);

-- project is '*' for a role in all projects, so it does not refer to projects.
CREATE TABLE memberships (
    login   TEXT NOT NULL REFERENCES people (login),
    project TEXT NOT NULL,
    role    TEXT NOT NULL,
    PRIMARY KEY (login, project)
) WITHOUT ROWID;

CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY,
    login      TEXT NOT NULL REFERENCES people (login),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_of_login ON sessions (login);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    login      TEXT NOT NULL REFERENCES people (login),
    hash       BLOB NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX tokens_of_login ON tokens (login);

CREATE TABLE login_failures (
    key TEXT NOT NULL,
    at  BIGINT NOT NULL
);
CREATE INDEX login_failures_of_key ON login_failures (key, at);
CREATE INDEX login_failures_by_time ON login_failures (at);

CREATE TABLE issues (
    id         TEXT PRIMARY KEY,
    project    TEXT NOT NULL REFERENCES projects (id),
    key        TEXT NOT NULL,
    kind       TEXT NOT NULL,
    severity   TEXT NOT NULL,
    state      TEXT NOT NULL,
    title      TEXT NOT NULL,
    params     TEXT NOT NULL,
    body       TEXT NOT NULL,
    task       TEXT NOT NULL,
    device     TEXT NOT NULL,
    building   TEXT NOT NULL,
    reason     TEXT NOT NULL,
    stop_work  BOOLEAN NOT NULL,
    opened_at  BIGINT NOT NULL,
    opened_by  TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    closed_at  BIGINT,
    due        BIGINT,
    assignee   TEXT NOT NULL
);
-- The same trouble is the same issue while it is open.
CREATE UNIQUE INDEX issues_open_key ON issues (project, key) WHERE state <> 'closed' AND key <> '';
CREATE INDEX issues_newest ON issues (project, opened_at DESC, id DESC);
CREATE INDEX issues_newest_of_all ON issues (opened_at DESC, id DESC);

CREATE TABLE issue_moves (
    issue    TEXT NOT NULL REFERENCES issues (id),
    seq      INTEGER NOT NULL,
    moved_to TEXT NOT NULL,
    author   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    note     TEXT NOT NULL,
    title    TEXT NOT NULL,
    params   TEXT NOT NULL,
    photos   TEXT NOT NULL,
    assignee TEXT NOT NULL,
    due      BIGINT,
    PRIMARY KEY (issue, seq)
) WITHOUT ROWID;

CREATE TABLE rule_states (
    device        TEXT NOT NULL,
    metric        TEXT NOT NULL,
    last_t        BIGINT,
    last_value    DOUBLE PRECISION NOT NULL,
    level         TEXT NOT NULL,
    pending       TEXT NOT NULL,
    pending_since BIGINT,
    PRIMARY KEY (device, metric)
) WITHOUT ROWID;

CREATE TABLE rule_overrides (
    project TEXT NOT NULL REFERENCES projects (id),
    key     TEXT NOT NULL,
    rule    TEXT NOT NULL,
    PRIMARY KEY (project, key)
) WITHOUT ROWID;

CREATE TABLE notices (
    id         TEXT PRIMARY KEY,
    project    TEXT NOT NULL,
    issue      TEXT NOT NULL,
    event      TEXT NOT NULL,
    channel    TEXT NOT NULL,
    target     TEXT NOT NULL,
    payload    BLOB,
    created_at BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    tries      INTEGER NOT NULL,
    sent_at    BIGINT,
    last_error TEXT NOT NULL
);
CREATE INDEX notices_due ON notices (next_at, id) WHERE sent_at IS NULL;
CREATE INDEX notices_of_issue ON notices (issue, created_at, id);

CREATE TABLE refused (
    id       TEXT PRIMARY KEY,
    t        BIGINT NOT NULL,
    door     TEXT NOT NULL,
    project  TEXT NOT NULL,
    device   TEXT NOT NULL,
    topic    TEXT NOT NULL,
    code     TEXT NOT NULL,
    params   TEXT NOT NULL,
    payload  BLOB,
    taken_at BIGINT
);
CREATE INDEX refused_newest ON refused (t DESC, id DESC);
CREATE INDEX refused_newest_of_project ON refused (project, t DESC, id DESC);
CREATE INDEX refused_of_device ON refused (device, t, id) WHERE taken_at IS NULL;

-- The event stream; an id is never used twice.
CREATE TABLE changes (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    kind    TEXT NOT NULL,
    ref     TEXT NOT NULL,
    at      BIGINT NOT NULL,
    data    BLOB
);
CREATE INDEX changes_by_time ON changes (at);

CREATE TABLE forecasts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    project    TEXT NOT NULL REFERENCES projects (id),
    at         BIGINT NOT NULL,
    baseline   INTEGER NOT NULL,
    finish     INTEGER NOT NULL,
    p50        INTEGER NOT NULL,
    p80        INTEGER NOT NULL,
    slip_days  DOUBLE PRECISION NOT NULL,
    percent    DOUBLE PRECISION NOT NULL,
    spi        DOUBLE PRECISION NOT NULL,
    spi_t      DOUBLE PRECISION NOT NULL,
    milestones TEXT NOT NULL,
    tasks      TEXT NOT NULL,
    sent       BOOLEAN NOT NULL
);
CREATE INDEX forecasts_of_project ON forecasts (project, at, id);
CREATE INDEX forecasts_unsent ON forecasts (id) WHERE NOT sent;

CREATE TABLE job_runs (
    name  TEXT PRIMARY KEY,
    at    BIGINT NOT NULL,
    error TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE cursors (
    stream TEXT PRIMARY KEY,
    seq    BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE settings;
DROP TABLE cursors;
DROP TABLE job_runs;
DROP TABLE forecasts;
DROP TABLE changes;
DROP TABLE refused;
DROP TABLE notices;
DROP TABLE rule_overrides;
DROP TABLE rule_states;
DROP TABLE issue_moves;
DROP TABLE issues;
DROP TABLE login_failures;
DROP TABLE tokens;
DROP TABLE sessions;
DROP TABLE memberships;
DROP TABLE people;
DROP TABLE device_last;
DROP TABLE devices;
DROP TABLE checks;
DROP TABLE progress;
DROP TABLE baseline_tasks;
DROP TABLE baselines;
DROP TABLE plan_links;
DROP TABLE plan_tasks;
DROP TABLE plan_buildings;
DROP TABLE plans;
DROP TABLE projects;
