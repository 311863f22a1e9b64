-- Schema 4: requests of any kind that end with whoever made them; and events are found by kind and time.

drop table prune_request;
-- a request is valid only while whoever made it confirms that it waits
create table request (
  id integer primary key,
  kind text not null,
  parameters text not null,             -- JSON
  state text not null default 'waiting', -- waiting, running or done
  answer text not null default 'null',  -- JSON: how far it is
  confirmed integer not null default 0  -- how often the one who waits has confirmed it
);

-- by kind and time (in units of 2^30 ns), block by block of positions, because neighbours share pages then
create index event_time on event (
  position >> 11, kind, case event_at_ns when 0 then arrived_at_ns else event_at_ns end >> 30
);
