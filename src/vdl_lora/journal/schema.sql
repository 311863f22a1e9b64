-- The journal's file, schema 1. It only grows: see migrations in schema.py.

create table meta (name text primary key, value integer not null) without rowid;

-- names that stand in many rows, once each
create table tenant (id integer primary key, name text not null unique);
create table way (id integer primary key, name text not null unique);
create table kind (id integer primary key, name text not null unique);
create table origin (
  id integer primary key,
  dev_eui text not null,
  tenant integer not null references tenant (id),
  application text not null,
  unique (dev_eui, tenant, application)
);

-- what bodies are compressed with; a row's body needs the dictionary that the row names
create table dictionary (
  id integer primary key,
  form text not null check (form in ('raw', 'trained')),
  content blob not null,
  made_at_ns integer not null
);

create table event (
  position integer primary key,
  event_at_ns integer not null,     -- the event's own time, 0 where it has none
  identity blob not null,           -- the same whichever way it came
  origin integer not null,
  tenant integer not null,          -- again, for the cursors' index
  kind integer not null,
  encoding integer not null,        -- 0 json, 1 protobuf, 2 own
  way integer not null,             -- the first way that it came; others are in copy
  arrived_at_ns integer not null,
  anchor_at_ns integer not null,
  anchor integer not null,          -- 0 ns_time, 1 log_item, 2 arrival
  log_item text,                    -- ChirpStack's LogItem id, over gRPC
  dictionary integer,
  body blob,                        -- a zstd frame; null once pruned
  stage text,                       -- where it failed: it is in quarantine
  code text,
  words text
);
-- in the order of time, because neighbours in time share pages: 7.3 instead of 10.7 µs an event
create unique index event_identity on event (event_at_ns, identity);
create index event_origin on event (origin, event_at_ns);
create index event_tenant on event (tenant, position);
create index event_quarantined on event (position) where stage is not null;

-- every further time that an event came
create table copy (
  position integer not null,
  way integer not null,
  count integer not null,
  last_at_ns integer not null,
  log_item text,
  primary key (position, way)
) without rowid;

create table cursor (
  id integer primary key,
  sink text not null,
  tenant integer not null,
  kind text not null check (kind in ('live', 'backlog', 'replay')),
  next integer not null,
  "end" integer,
  filter text not null default '',
  state text not null default 'flowing',
  words text not null default ''
);
create unique index cursor_live on cursor (sink, tenant) where kind = 'live';

-- what was written: a row for each committed batch, see docs/decisions/0004
create table receipt (
  id integer primary key,
  sink text not null,
  tenant integer not null,
  first integer not null,
  last integer not null,
  content blob not null             -- a zstd frame of JSON: a list of receipts
);
create index receipt_position on receipt (tenant, last);

insert into kind (id, name) values
  (0, 'unknown'), (1, 'up'), (2, 'join'), (3, 'status'), (4, 'ack'), (5, 'txack'), (6, 'log'), (7, 'location'),
  (8, 'own');

-- for people with the sqlite3 shell
create view events as
  select
    event.position,
    kind.name as kind,
    origin.dev_eui,
    tenant.name as tenant,
    origin.application,
    strftime('%Y-%m-%dT%H:%M:%fZ', event.event_at_ns / 1e9, 'unixepoch') as event_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', event.arrived_at_ns / 1e9, 'unixepoch') as arrived_at,
    way.name as way,
    length(event.body) as bytes,
    event.stage,
    event.code,
    event.words
  from event
  join kind on kind.id = event.kind
  join origin on origin.id = event.origin
  join tenant on tenant.id = event.tenant
  join way on way.id = event.way;
