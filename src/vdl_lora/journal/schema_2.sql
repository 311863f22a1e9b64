-- Schema 2: what commands of the shell ask of the running service.

create table prune_request (
  id integer primary key,
  before_ns integer not null,
  undelivered integer not null,     -- 1: also what was not delivered yet
  state text not null default 'waiting' check (state in ('waiting', 'running', 'done')),
  bodies integer not null default 0,
  events integer not null default 0,
  receipts integer not null default 0
);
