-- Every statement of the journal, each behind its name.

-- name: append
-- Keep an event; an identity that is known keeps its first row.
insert into event (
  position, event_at_ns, identity, origin, tenant, kind, encoding, way, arrived_at_ns, anchor_at_ns, anchor, log_item,
  dictionary, body, stage, code, words
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (event_at_ns, identity) do nothing;

-- name: has_blocks
-- Whether the file has a summary of its blocks.
select 1 from sqlite_schema where name = 'block';

-- name: summarise
-- Take the events of a span of positions into the summary of their blocks.
insert into block (number, earliest_ns, latest_ns, kinds)
select
  position >> 11,
  min(case event_at_ns when 0 then arrived_at_ns else event_at_ns end),
  max(case event_at_ns when 0 then arrived_at_ns else event_at_ns end),
  sum(distinct 1 << kind)
from event
where position between ? and ?
group by position >> 11
on conflict (number) do update set
  earliest_ns = min(earliest_ns, excluded.earliest_ns),
  latest_ns = max(latest_ns, excluded.latest_ns),
  kinds = kinds | excluded.kinds;

-- name: appended
-- The positions of a group that were new.
select position from event where position between ? and ?;

-- name: count_copy
-- Count that an event came again.
insert into copy (position, way, count, last_at_ns, log_item)
select position, ?, 1, ?, ? from event where event_at_ns = ? and identity = ?
on conflict (position, way) do update set
  count = count + 1, last_at_ns = excluded.last_at_ns, log_item = coalesce(excluded.log_item, log_item);

-- name: last_position
-- The last position that was ever given.
select max(
  coalesce((select max(position) from event), 0),
  coalesce((select value from meta where name = 'last_position'), 0)
);

-- name: remember
-- Remember a position: the last one, before rows at the end may go, or how far a prune came.
insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value;

-- name: read
-- The next events of a tenant. A row's own texts are read as bytes: one that is damaged is no error then.
select
  event.position, kind.name, event.encoding, event.dictionary, cast(event.body as blob), way.name, event.arrived_at_ns,
  event.anchor_at_ns, event.anchor, cast(event.log_item as blob), cast(event.stage as blob), cast(event.code as blob)
from event
left join kind on kind.id = event.kind
left join way on way.id = event.way
where event.tenant = ? and event.position >= ? and event.position < ?
order by event.position
limit ?;

-- name: newest_bodies
-- The bodies that came last, to train a dictionary on.
select dictionary, body from event where body is not null order by position desc limit ?;

-- name: new_cursor
-- Begin a cursor.
insert into cursor (sink, tenant, kind, next, "end", filter) values (?, ?, ?, ?, ?, ?)
on conflict do nothing;

-- name: cursors
-- The cursors of a sink and tenant that are not done.
select cursor.id, sink, tenant.name, kind, next, "end", filter, state, words
from cursor
join tenant on tenant.id = cursor.tenant
where sink = ? and tenant.name = ?
order by case kind when 'live' then 0 when 'backlog' then 1 else 2 end, cursor.id desc;

-- name: tenants_behind
-- The tenants with cursors of a sink that are not live and not done.
select distinct tenant.name from cursor join tenant on tenant.id = cursor.tenant where sink = ? and kind <> 'live';

-- name: last_left
-- The last event that a live cursor leaves behind when it keeps some newest ones.
select position from event where tenant = ? and position >= ? order by position desc limit 1 offset ?;

-- name: move_cursor
-- Move a cursor on; it never goes back.
update cursor set next = max(next, ?), state = 'flowing', words = '' where id = ?;

-- name: drop_cursor
-- A cursor that has reached its end is done.
delete from cursor where id = ? and "end" is not null and next >= "end";

-- name: say
-- How a cursor's delivery goes.
update cursor set state = ?, words = ? where id = ?;

-- name: keep_receipt
-- What was written of a batch.
insert into receipt (sink, tenant, first, last, content) values (?, ?, ?, ?, ?);

-- name: receipts
-- The receipts that may speak of an event.
select id, sink, content from receipt
where tenant = (select tenant from event where position = ?) and first <= ? and last >= ?
order by id desc;

-- name: mark
-- Put an event into quarantine.
update event set stage = ?, code = ?, words = ? where position = ?;

-- name: clear_mark
-- Take an event out of it, but for what another sink refuses.
update event set stage = null, code = null, words = null
where position = ? and (stage not glob 'sink:*' or stage = ?);

-- name: events
-- Events as people look at them; the conditions are added.
select
  event.position, coalesce(kind.name, 'unknown'), event.encoding, coalesce(origin.dev_eui, ''),
  coalesce(tenant.name, ''), coalesce(origin.application, ''), event.event_at_ns, event.anchor_at_ns,
  event.arrived_at_ns, coalesce(way.name, 'unknown'),
  (select group_concat(hex(w.name) || ' ' || copy.count)
   from copy join way w on w.id = copy.way where copy.position = event.position),
  cast(event.log_item as blob), cast(event.stage as blob), cast(event.code as blob), cast(event.words as blob),
  event.dictionary, cast(event.body as blob)
from event
left join kind on kind.id = event.kind
left join origin on origin.id = event.origin
left join tenant on tenant.id = event.tenant
left join way on way.id = event.way;

-- name: first_and_last
-- The first and the last position of an event.
select (select min(position) from event), (select max(position) from event);

-- name: count_events
-- How many events of each kind, and when the oldest arrived.
select kind.name, count(*), min(event.arrived_at_ns) from event join kind on kind.id = event.kind group by event.kind;

-- name: count_quarantined
-- How many are in quarantine, by code.
select code, count(*) from event where stage is not null group by code;

-- name: count_copies
-- How often events came again.
select coalesce(sum(count), 0) from copy;

-- name: depth
-- How many events there are, and how many of them are in quarantine: both from an index alone.
select (select count(*) from event), (select count(*) from event where stage is not null);

-- name: ends
-- The first and the last position, and when the first event arrived.
select position, (select max(position) from event), arrived_at_ns from event order by position limit 1;

-- name: arrived
-- When the next event from a position on arrived.
select position, arrived_at_ns from event where position >= ? order by position limit 1;

-- name: newest_size
-- The average size of the newest bodies.
select avg(size) from (
  select length(body) as size from event where body is not null order by position desc limit 500
);

-- name: newest_receipts
-- The bytes of the newest receipts, for each position that they speak of.
select sum(size) * 1.0 / (max(last) - min(first) + 1) from (
  select first, last, length(content) as size from receipt order by id desc limit 200
);

-- name: deliveries
-- What each sink still has ahead, how it goes, and when the first of it arrived.
select
  cursor.sink, tenant.name,
  sum((select count(*) from event
       where event.tenant = cursor.tenant and event.position >= cursor.next
         and event.position < coalesce(cursor."end", 9223372036854775807))),
  max(case cursor.state when 'held' then 2 when 'retrying' then 1 else 0 end),
  max(cursor.words),
  min((select event.arrived_at_ns from event
       where event.tenant = cursor.tenant and event.position >= cursor.next
         and event.position < coalesce(cursor."end", 9223372036854775807)
       order by event.position limit 1))
from cursor
join tenant on tenant.id = cursor.tenant
where cursor.kind in ('live', 'backlog')
group by cursor.sink, cursor.tenant
order by cursor.sink, tenant.name;

-- name: ahead
-- The cursors of each tenant, those that have none with nothing.
select tenant.id, tenant.name, cursor.sink, cursor.kind, cursor.next, cursor."end"
from tenant
left join cursor on cursor.tenant = tenant.id;

-- name: step
-- The next rows that a prune looks at: whose they are, how old, and how large their body is.
select position, tenant, arrived_at_ns, length(body) from event
where position between ? and ?
order by position
limit ?;

-- name: take_rows
-- All of a span of positions, to be written anew: where a row only shrinks, its page stays as it is, and a full journal
-- would stay full.
select * from event where position between ? and ? order by position;

-- name: drop_rows
-- Free their pages.
delete from event where position between ? and ?;

-- name: prune_copies
-- Remove what is known of the copies of an event that is about to go.
delete from copy where position = ?;

-- name: prune_events
-- Remove an event whose body is gone and whose identity is no longer needed.
delete from event where position = ?;

-- name: prune_receipts
-- Remove a tenant's receipts that end in a span of positions, and of which no event has a body left.
delete from receipt
where tenant = ? and last between ? and ? and not exists (
  select 1 from event
  where event.tenant = receipt.tenant and event.position between receipt.first and receipt.last and event.body is not null
);

-- name: held
-- The bytes of each tenant's bodies in a span of positions, and its first: by position, for an index would be slower.
select tenant, sum(length(body)), min(position)
from event not indexed
where position between ? and ? and body is not null
group by tenant;

-- name: remembered
-- A position that was remembered.
select value from meta where name = ?;

-- name: new_request
-- Ask the service for something.
insert into request (kind, parameters) values (?, ?);

-- name: confirm
-- Confirm that somebody still waits for the answer.
update request set confirmed = confirmed + 1 where id = ?;

-- name: requests
-- All that was asked for.
select id, kind, parameters, state, confirmed from request order by id;

-- name: answer
-- Tell how far it is.
update request set state = ?, answer = ? where id = ?;

-- name: request
-- How far it is.
select state, answer from request where id = ?;

-- name: drop_request
-- Forget it: whoever asked has read the answer, or waits no more; what runs runs on.
delete from request where id = ?;
