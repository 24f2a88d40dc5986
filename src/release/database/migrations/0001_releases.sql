-- Whole numbers are BIGINT, times are seconds since 1970, hashes are 64 hexadecimal digits, yes and no are 1 and 0.
-- Identifiers are random: servers allot them without asking each other, and nobody can count another's things.
-- {bytes} becomes the name that the database has for them.

-- One row. Whoever writes what others decide by counts it up first: that is the lock that puts writers in line, the
-- number of the audit record, and what servers watch to learn that something changed.
CREATE TABLE revision (one BIGINT PRIMARY KEY, number BIGINT NOT NULL);
INSERT INTO revision (one, number) VALUES (1, 0);

CREATE TABLE organisations (
    id BIGINT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created BIGINT NOT NULL
);

CREATE TABLE apps (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (organisation, name)
);

CREATE TABLE platforms (
    id BIGINT PRIMARY KEY,
    app BIGINT NOT NULL REFERENCES apps (id),
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (app, name)
);

-- Where the list of a tree's files lies: an object of the store, since devices and workers never need it of the database.
CREATE TABLE trees (
    tree TEXT PRIMARY KEY,
    manifest TEXT NOT NULL,
    full_object TEXT,
    full_bytes BIGINT NOT NULL,
    files BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    created BIGINT NOT NULL
);

-- A store build. The tree is that of the bundle it embeds; none where the build is not known yet.
CREATE TABLE binaries (
    id BIGINT PRIMARY KEY,
    platform BIGINT NOT NULL REFERENCES platforms (id),
    version TEXT NOT NULL,
    build TEXT NOT NULL,
    tree TEXT,
    fingerprint TEXT,
    created BIGINT NOT NULL,
    UNIQUE (platform, version, build)
);

-- The head is what devices read, signed; its number is what writers compare before they swap it.
CREATE TABLE channels (
    id BIGINT PRIMARY KEY,
    platform BIGINT NOT NULL REFERENCES platforms (id),
    name TEXT NOT NULL,
    head_number BIGINT NOT NULL,
    head {bytes},
    created BIGINT NOT NULL,
    UNIQUE (platform, name)
);

-- The number is that of the label: 3 is v3. The origin says where a promoted or rolled back release came from.
CREATE TABLE releases (
    channel BIGINT NOT NULL REFERENCES channels (id),
    number BIGINT NOT NULL,
    statement TEXT NOT NULL,
    tree TEXT NOT NULL,
    files BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    description TEXT NOT NULL,
    mandatory BIGINT NOT NULL,
    disabled BIGINT NOT NULL,
    rollout BIGINT NOT NULL,
    origin TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (channel, number)
);

CREATE TABLE targets (
    channel BIGINT NOT NULL,
    number BIGINT NOT NULL,
    binary_id BIGINT NOT NULL REFERENCES binaries (id),
    PRIMARY KEY (channel, number, binary_id),
    FOREIGN KEY (channel, number) REFERENCES releases (channel, number)
);

-- A patch is made once. State: 0 wanted, 1 leased, 2 made, 3 given up. The lease is a count: who holds an older one
-- has lost it, whatever its clock says.
CREATE TABLE patches (
    id BIGINT PRIMARY KEY,
    platform BIGINT NOT NULL REFERENCES platforms (id),
    old TEXT NOT NULL,
    new TEXT NOT NULL,
    state BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    lease BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    worker TEXT NOT NULL,
    object TEXT,
    size_bytes BIGINT NOT NULL,
    error TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (platform, old, new)
);
CREATE INDEX patches_to_make ON patches (state, priority, created);
CREATE INDEX patches_by_new ON patches (platform, new);

-- Public halves only: what signs never comes here.
CREATE TABLE keys (
    id BIGINT PRIMARY KEY,
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    revoked BIGINT,
    UNIQUE (organisation, role, public_key)
);

-- The roots of an organisation, which devices follow from the one that they carry.
CREATE TABLE roots (
    organisation BIGINT NOT NULL REFERENCES organisations (id),
    number BIGINT NOT NULL,
    document {bytes} NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (organisation, number)
);

-- Each record's hash covers the record and the hash before it.
CREATE TABLE audit (
    number BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash TEXT NOT NULL
);

-- Who runs what: devices by tree and day, as they report it.
CREATE TABLE fleet (
    platform BIGINT NOT NULL REFERENCES platforms (id),
    tree TEXT NOT NULL,
    day BIGINT NOT NULL,
    devices BIGINT NOT NULL,
    PRIMARY KEY (platform, tree, day)
);
