-- Schema 4: requests of any kind that end with whoever made them; and what stands in each block of positions.

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

-- what stands in each block of 2,048 positions, so that a search passes over those without an event that it wants;
-- it stays as it is when events go
create table block (
  number integer primary key,   -- position >> 11
  earliest_ns integer not null, -- of the events' own times, or of their arrival where they have none
  latest_ns integer not null,
  kinds integer not null        -- a bit for each kind, by its id
);
insert into block
select
  position >> 11,
  min(case event_at_ns when 0 then arrived_at_ns else event_at_ns end),
  max(case event_at_ns when 0 then arrived_at_ns else event_at_ns end),
  sum(distinct 1 << kind)
from event
group by position >> 11;
