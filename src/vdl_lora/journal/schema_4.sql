-- Schema 4: a request is valid only while whoever made it confirms that it waits. Any kind of request has a row here.

drop table prune_request;
create table request (
  id integer primary key,
  kind text not null,
  parameters text not null,             -- JSON
  state text not null default 'waiting', -- waiting, running or done
  answer text not null default 'null',  -- JSON: how far it is
  confirmed integer not null default 0  -- how often the one who waits has confirmed it
);
